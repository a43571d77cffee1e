import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch

from app.elastic import bulk_client, client
from app.errors import Stop
from app.index.bulk import Block
from app.index.indexer import Indexer
from app.index.install import install
from app.index.template import (
    FIELDS_LIMIT,
    REPLACEMENTS,
    custom_component,
    index_template,
    missing_type,
    properties,
    template_name,
)
from app.settings import Settings
from schemas.document import FIELDS

STREAM = "logs-cilium_tetragon.log-default"
TIME = "2026-01-01T00:00:00.123456789Z"


def leaves(tree: dict[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, field in tree.items():
        if "properties" in field:
            found |= leaves(field["properties"], f"{before}{name}.")
        else:
            found[before + name] = field["type"]
    return found


def test_the_mapping_holds_every_field_with_its_type() -> None:
    assert leaves(properties(FIELDS)) == FIELDS


def test_types_that_the_engine_lacks_are_replaced() -> None:
    mapped = properties({"a.b": "wildcard", "c": "match_only_text", "d": "long"}, frozenset(REPLACEMENTS))
    assert leaves(mapped) == {"a.b": "keyword", "c": "text", "d": "long"}
    assert mapped["a"]["properties"]["b"] == {"type": "keyword", "ignore_above": 8191}


def test_the_event_as_it_was_has_no_limit_and_no_index() -> None:
    assert properties(FIELDS)["event"]["properties"]["original"] == {
        "type": "keyword",
        "index": False,
        "doc_values": False,
    }


def test_every_keyword_has_a_limit_that_fits_into_a_term() -> None:
    template = json.dumps(index_template(STREAM))
    assert '{"type": "keyword"}' not in template
    assert '{"type": "wildcard"}' not in template
    assert '{"type": "flattened"}' not in template


def test_the_mapping_has_room_for_many_more_fields() -> None:
    assert 2 * len(FIELDS) < FIELDS_LIMIT


def test_the_digest_changes_with_what_is_mapped_alone() -> None:
    assert index_template(STREAM) == index_template(STREAM)
    lacking = index_template(STREAM, frozenset({"wildcard"}))
    assert lacking["_meta"]["digest"] != index_template(STREAM)["_meta"]["digest"]


def test_operators_map_more_where_elastic_has_them_do_so() -> None:
    assert custom_component(STREAM) == "logs-cilium_tetragon.log@custom"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Failed to parse mapping: The mapper type [wildcard] declared on field [w] does not exist.", "wildcard"),
        ("No handler for type [match_only_text] declared on field [m]", "match_only_text"),
        ("The mapper type [flattened] declared on field [f] does not exist.", None),
        ("index template [a] has index patterns [b] matching patterns from existing templates", None),
    ],
)
def test_a_refusal_may_name_the_type_that_is_missing(reason: str, expected: str | None) -> None:
    assert missing_type(reason) == expected


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


LONG = json.dumps("x" * 5_000_000)
# Members of a document beside its time. Each of them costs at most its field.
WEIRD = {
    "nothing": "",
    "a line of five megabytes": f',"event":{{"original":{LONG}}},"process":{{"command_line":{LONG}}}',
    "a label of a megabyte": f',"kubernetes":{{"labels":{{"a":"{"x" * 1_000_000}"}}}}',
    "characters of four bytes": f',"process":{{"executable":"{"😀" * 8191}"}}',
    "text for numbers": ',"process":{"pid":"many","exit_code":"","start":"yesterday","end":""}',
    "text for a truth": ',"container":{"security_context":{"privileged":"perhaps"}}',
    "text for an address": ',"source":{"ip":"<nil>","port":"x"},"related":{"ip":["","fe80::1%eth0"]}',
    "a number beyond 64 bits": ',"process":{"pid":18446744073709551616}',
    "labels that conflict": ',"kubernetes":{"labels":{"app":"a","app.kubernetes.io/name":"b","":"c"}}',
    "100 levels in a raw body": f',"tetragon":{{"process_kprobe":{nested(100)}}}',
    "900 levels in an unknown field": f',"unknown":{nested(900)}',
    "an unknown field": ',"unknown":1',
    "an unknown field of another type": ',"unknown":{"a":"b"}',
    "an unknown field below a known one": ',"process":{"unknown":{"a":[1,{"b":2}]}}',
    "a name and its continuation": ',"unknown":{"a":1,"a.b":2}',
    "3,000 unknown fields": ',"unknown":' + json.dumps({f"f{n}": n for n in range(3_000)}),
    "100,000 arguments": f',"process":{{"args":[{",".join(["1"] * 100_000)}]}}',
}


@pytest.fixture
async def admin(settings: Settings) -> AsyncIterator[AsyncElasticsearch]:
    async with client(settings) as connected:
        yield connected


async def count(admin: AsyncElasticsearch, settings: Settings) -> int:
    await admin.indices.refresh(index=settings.data_stream)
    return int((await admin.count(index=settings.data_stream))["count"])


async def test_a_document_is_stored_whatever_it_holds(admin: AsyncElasticsearch, settings: Settings) -> None:
    await install(admin, settings.data_stream)
    pairs = [
        f'{{"create":{{"_id":{json.dumps(name)}}}}}\n{{"@timestamp":"{TIME}"{members}}}\n'
        for name, members in WEIRD.items()
    ]
    block = Block("".join(pairs).encode(), len(pairs))
    async with bulk_client(settings) as bulk:
        indexer = Indexer(bulk, settings.data_stream, health=lambda *_: None)
        first = await indexer.index([block])
        second = await indexer.index([block])
    assert [(rejection.id, rejection.reason) for rejection in first.rejections] == []
    assert (first.stored, first.repeated) == (len(WEIRD), 0)
    assert (second.stored, second.repeated) == (0, len(WEIRD))
    assert await count(admin, settings) == len(WEIRD)
    mapping = (await admin.indices.get_mapping(index=settings.data_stream)).body
    (index,) = mapping.values()
    assert set(leaves(index["mappings"]["properties"])) == set(FIELDS)


async def test_what_no_mapping_can_take_is_a_dead_letter_and_its_neighbours_are_stored(
    admin: AsyncElasticsearch, settings: Settings
) -> None:
    await install(admin, settings.data_stream)
    refused = ["{}", '{"@timestamp":"soon"}', f'{{"@timestamp":"{TIME}","process":1}}', '{"@timestamp"', "[]", ""]
    after = f'{{"@timestamp":"{TIME}"}}'
    pairs = [
        f'{{"create":{{"_id":"{number}"}}}}\n{document}\n{{"create":{{"_id":"after {number}"}}}}\n{after}\n'
        for number, document in enumerate(refused)
    ]
    block = Block("".join(pairs).encode(), 2 * len(refused))
    async with bulk_client(settings) as bulk:
        indexed = await Indexer(bulk, settings.data_stream, health=lambda *_: None).index([block])
    assert [rejection.id for rejection in indexed.rejections] == [str(n) for n in range(len(refused))]
    assert indexed.stored == len(refused)
    assert await count(admin, settings) == len(refused)


async def test_the_template_is_made_once_and_brought_up_to_date(admin: AsyncElasticsearch, settings: Settings) -> None:
    name = template_name(settings.data_stream)
    (made,) = await install(admin, settings.data_stream)
    assert made.startswith(f"index template {name}: made")
    (again,) = await install(admin, settings.data_stream)
    assert again == made.replace(": made", ": already there")
    older = index_template(settings.data_stream, frozenset(REPLACEMENTS))
    older["template"]["mappings"]["properties"] = {"@timestamp": {"type": "date_nanos"}}
    older["_meta"]["digest"] = "older"
    await admin.indices.put_index_template(name=name, **{key.removeprefix("_"): older[key] for key in older})
    await admin.create(index=settings.data_stream, id="a", document={"@timestamp": TIME})
    updated, extended = await install(admin, settings.data_stream)
    assert updated == made.replace(": made", ": brought up to date")
    assert extended == f"data stream {settings.data_stream}: its newest index has the new fields too"


async def test_a_template_that_goes_before_ours_is_told(admin: AsyncElasticsearch, settings: Settings) -> None:
    pattern = settings.data_stream.replace(".log-", "*-")
    await admin.indices.put_index_template(name="first", index_patterns=[pattern], priority=500, data_stream={})
    try:
        with pytest.raises(Stop, match="takes the index template 'first', whose priority is higher than 400"):
            await install(admin, settings.data_stream)
    finally:
        await admin.indices.delete_index_template(name="first")


async def test_an_index_in_the_way_is_told(admin: AsyncElasticsearch, settings: Settings) -> None:
    await admin.indices.create(index=settings.data_stream)
    with pytest.raises(Stop, match="is one of the indices"):
        await install(admin, settings.data_stream)


async def test_an_operators_template_of_the_same_name_is_left_alone(
    admin: AsyncElasticsearch, settings: Settings
) -> None:
    name = template_name(settings.data_stream)
    await admin.indices.put_index_template(name=name, index_patterns=[settings.data_stream], data_stream={})
    assert await install(admin, settings.data_stream) == [
        f"index template {name}: not made by tetrastash; left as it is"
    ]


async def test_without_the_template_nothing_is_stored_and_no_index_is_made(
    admin: AsyncElasticsearch, settings: Settings
) -> None:
    told: list[str] = []

    class Enough(Exception):
        pass

    async def once(_: float) -> None:
        raise Enough

    block = Block(b'{"create":{"_id":"a"}}\n{"@timestamp":"%b"}\n' % TIME.encode(), 1)
    async with bulk_client(settings) as bulk:
        indexer = Indexer(bulk, settings.data_stream, health=lambda _name, _ok, reason: told.append(reason), sleep=once)
        with pytest.raises(Enough):
            await indexer.index([block])
    assert told[0].startswith("404 index_not_found_exception")
    assert not (await admin.indices.exists(index=settings.data_stream)).body
