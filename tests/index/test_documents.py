"""The real Elasticsearch takes every document that a test expects, and more, and finds each of their fields."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from app.elastic import bulk_client, client
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from app.enrich.registry import load_agents
from app.index.bulk import Block
from app.index.indexer import Indexed, Indexer
from app.index.install import install
from app.index.template import REPLACEMENTS
from app.settings import Settings
from schemas.document import FIELDS
from schemas.record import Record
from schemas.tetragon import BODIES
from tests.agents.cases import ROOT
from tests.enrich.made import Everything, Made
from tests.enrich.test_documents import document
from tests.enrich.test_policies import ROWS, line_of
from tests.index.test_template import leaves

UNSEARCHED = {"event.original"}  # kept to be read
UNFIT = {"@timestamp": "2026-01-05T08:00:00Z", "source": {"ip": "<nil>"}}  # costs its field, and would show


def expected() -> Iterator[dict[str, Any]]:
    for file in sorted((ROOT / "tests").rglob("*.expected.json")):
        yield from json.loads(file.read_text())
    for row in ROWS:
        yield document(line_of(row))
    for name in BODIES:
        yield document(json.dumps(Made(Everything()).event(name)))


def fields_of(document: dict[str, Any], under: str = "") -> Iterator[str]:
    """Names of the mapping of which the document has something; one may come several times."""
    for member, value in document.items():
        name = f"{under}{member}"
        inner = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]
        if name in FIELDS:
            if name not in UNSEARCHED and _holds(value):
                yield name
        else:
            for each in inner:
                yield from fields_of(each, f"{name}.")


def _holds(value: Any) -> bool:
    """Something that an index can hold: not an empty object, list or null, nor one with nothing else in it."""
    if isinstance(value, dict | list):
        return any(_holds(each) for each in (value.values() if isinstance(value, dict) else value))
    return value is not None


LONG = "k" * 40_000
AWKWARD = [
    '{"process_kprobe":{"process":PROCESS,"function_name":"f","args":[{"file_arg":{"path":"/a","path":"/b"}}]}}',
    '{"process_kprobe":{"process":PROCESS,"function_name":"f","args":[{"x_arg":{"a":1,"\\u0061":2}}]}}',
    '{"process_kprobe":{"process":PROCESS,"function_name":"f","args":[{"x_arg":{"a\\u0000":1}}]}}',
    '{"process_kprobe":{"process":PROCESS,"function_name":"f","args":[{"x_arg":{"LONG":{"LONG":1}}}]}}',
    '{"process_kprobe":{"process":PROCESS,"function_name":"f"},"new":{"a":1,"a":2},"LONG":{"b":1}}',
    '{"process_new":{"process":PROCESS,"a":{"b":1,"b":2}}}',
    '{"process_exec":{"process":PROCESS,"parent":{"pid":7,"pod":{"name":"a","name":"b"}}}}',
    '{"process_exec":{"process":{"pid":7,"docker":"c","pod":{"name":"a","pod_labels":{"LONG":"x"}}}}}',
]


async def test_what_an_event_says_twice_or_by_too_long_a_name_is_stored(settings: Settings) -> None:
    process = json.dumps({"exec_id": "bm9kZTo5MDAwMTAwOjQzMjE=", "pid": 4321, "binary": "/bin/x"})
    lines = [each.replace("PROCESS", process).replace("LONG", LONG).encode() for each in AWKWARD]
    record = Record("tetragon.events", 0, 0, 1_767_600_000_000, b"node", b"\n".join(lines), {})
    enriched = Pipeline(load_agents(None)).enrich(Memory(), record)
    blocks = [Block(data, number) for data, number in enriched.blocks]
    async with client(settings) as admin, bulk_client(settings) as bulk:
        await install(admin, settings.data_stream)
        indexed = await Indexer(bulk, settings.data_stream, health=lambda *_: None).index(blocks)
        await admin.indices.refresh(index=settings.data_stream)
        asked = {"terms": {"tags": ["tetragon.mended"]}}
        answer = await admin.search(index=settings.data_stream, query=asked, size=len(lines))

    assert not enriched.rejections
    assert indexed == Indexed(len(lines), 0, [])
    kept = {hit["_source"]["event"]["original"].encode() for hit in answer["hits"]["hits"]}
    assert kept == set(lines)


async def test_every_expected_document_is_stored_and_found_by_each_of_its_fields(settings: Settings) -> None:
    documents = [*expected(), UNFIT]
    lines = [
        orjson.dumps({"create": {"_id": str(number)}}) + b"\n" + orjson.dumps(document) + b"\n"
        for number, document in enumerate(documents)
    ]
    block = Block(b"".join(lines), len(lines))
    held = Counter(name for document in documents for name in set(fields_of(document)))
    held["source.ip"] -= 1
    async with client(settings) as admin, bulk_client(settings) as bulk:
        await install(admin, settings.data_stream)
        indexed = await Indexer(bulk, settings.data_stream, health=lambda *_: None).index([block])
        await admin.indices.refresh(index=settings.data_stream)
        (index,) = (await admin.indices.get_mapping(index=settings.data_stream)).body.values()
        answer = await admin.search(
            index=settings.data_stream,
            size=10,
            query={"exists": {"field": "_ignored"}},
            aggregations={name: {"global": {}, "aggregations": {"of": _having(name)}} for name in sorted(held)},
        )
    assert [(each.id, each.reason) for each in indexed.rejections] == []
    assert indexed.stored == len(documents)
    ignored = [(hit["_id"], hit["_ignored"]) for hit in answer["hits"]["hits"]]
    assert ignored == [(str(len(documents) - 1), ["source.ip"])]
    found = {name: answer["aggregations"][name]["of"]["doc_count"] for name in held}
    assert found == held
    types = leaves(index["mappings"]["properties"])
    assert types.keys() == FIELDS.keys()
    assert {name for name, kind in types.items() if kind not in (FIELDS[name], REPLACEMENTS.get(FIELDS[name]))} == set()


def _having(name: str) -> dict[str, Any]:
    return {"filter": {"exists": {"field": name}}}
