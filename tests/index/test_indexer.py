import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from elasticsearch import AsyncElasticsearch

from app.elastic import bulk_client
from app.index.bulk import FILTER, Block
from app.index.indexer import Indexed, Indexer
from app.settings import Settings
from tests.index.server import Item, Server, cut, error, items, late, serving, whole

STREAM = "logs-cilium_tetragon.log-default"
DOCUMENTS = 1_000
REFUSED = error(400, "document_parsing_exception", "failed to parse field [x]")


def name(n: int) -> str:
    return f"id{n:04}"


NAMES = [name(n) for n in range(DOCUMENTS)]


def block(first: int, count: int) -> Block:
    data = b"".join(b'{"create":{"_id":"%b"}}\n{"n":%d}\n' % (name(n).encode(), n) for n in range(first, first + count))
    return Block(data, count, "tetragon.documents", 3, 40 + first, b"cluster/node")


BLOCKS = [block(n, 100) for n in range(0, DOCUMENTS, 100)]


class Rig:
    """An indexer against a server, whose sleeps take no time; what it told the health check."""

    def __init__(self, server: Server, client: AsyncElasticsearch) -> None:
        self.server = server
        self.now = 0.0
        self.sleeps: list[float] = []
        self.health: list[tuple[bool, str]] = []
        self.told = asyncio.Event()
        self.indexer = Indexer(
            client,
            STREAM,
            health=self.hear,
            clock=lambda: self.now,
            sleep=self.sleep,
            random=lambda: 1.0,
        )

    def hear(self, _: str, ok: bool, reason: str) -> None:
        self.health.append((ok, reason))
        self.told.set()

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    async def index_all(self) -> Indexed:
        """Checks the law for whatever the server did: each document is in its store or rejected, never both."""
        indexed = await self.indexer.index(BLOCKS)
        rejected = [rejection.id for rejection in indexed.rejections]
        assert sorted([*self.server.store, *rejected]) == NAMES
        assert indexed.stored + indexed.repeated + len(rejected) == DOCUMENTS
        assert all(json.loads(document) == {"n": int(key[2:])} for key, document in self.server.store.items())
        return indexed


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as running:
        yield running


@pytest.fixture
async def rig(server: Server) -> AsyncIterator[Rig]:
    client = bulk_client(Settings(elasticsearch=server.url))
    yield Rig(server, client)
    await client.close()


async def test_a_healthy_server_gets_all_blocks_as_one_request(rig: Rig) -> None:
    indexed = await rig.index_all()
    assert indexed == Indexed(DOCUMENTS, 0, [])
    assert rig.server.requests == [NAMES]
    assert rig.server.urls == [f"/{STREAM}/_bulk?filter_path={FILTER}&require_data_stream=true"]
    assert "content-encoding" not in rig.server.headers[0]
    assert rig.sleeps == []
    assert rig.health == [(True, "")]


async def test_one_refused_document_among_a_thousand_is_the_only_dead_letter(rig: Rig) -> None:
    rig.server.rule = lambda key: REFUSED if key == name(517) else None
    (rejection,) = (await rig.index_all()).rejections
    assert rejection.id == name(517)
    assert rejection.stage == "index"
    assert rejection.reason == "400 document_parsing_exception: failed to parse field [x]"
    assert rejection.original == b'{"n":517}'
    assert rejection.key == b"cluster/node"
    assert rejection.origin.model_dump(exclude_none=True) == {
        "topic": "tetragon.documents",
        "partition": 3,
        "offset": 540,
        "line": 17,
    }
    assert len(rig.server.requests) == 1


async def test_a_document_that_can_be_mended_is_sent_once_more(rig: Rig) -> None:
    refusals = [REFUSED]
    rig.server.rule = lambda _: refusals.pop() if refusals else None
    twice = b'{"tetragon":{"other":{"a":1,"a":2}}}'
    indexed = await rig.indexer.index([Block(b'{"create":{"_id":"x"}}\n%b\n' % twice, 1)])

    assert indexed == Indexed(1, 0, [])
    assert json.loads(rig.server.store["x"]) == {"tetragon": {"other": {"a": 2}}, "tags": ["tetragon.mended"]}
    assert rig.server.requests == [["x"], ["x"]]
    assert rig.indexer.counters.rejected == 0


async def test_what_is_refused_when_it_is_mended_too_is_a_dead_letter_as_it_was(rig: Rig) -> None:
    rig.server.rule = lambda _: REFUSED
    twice = b'{"tetragon":{"other":{"a":1,"a":2}}}'
    (rejection,) = (await rig.indexer.index([Block(b'{"create":{"_id":"x"}}\n%b\n' % twice, 1)])).rejections

    assert rejection.original == twice
    assert len(rig.server.requests) == 2


async def test_documents_that_are_stored_already_are_counted_as_repeated(rig: Rig) -> None:
    rig.server.store = {name(n): json.dumps({"n": n}) for n in range(10)}
    assert await rig.index_all() == Indexed(990, 10, [])


async def test_what_is_stored_already_counts_once_it_is_on_disk(rig: Rig) -> None:
    rig.server.store = {name(n): json.dumps({"n": n}) for n in range(10)}
    rig.server.checkpoint = 4
    rig.server.before_look = [lambda: None, lambda: None, lambda: setattr(rig.server, "checkpoint", None)]
    assert await rig.index_all() == Indexed(990, 10, [])
    assert rig.server.before_look == []
    assert len(rig.server.requests) == 1
    assert rig.sleeps == [0.5, 1.0]
    assert rig.indexer.counters.retried == 0


async def test_what_a_node_has_lost_after_it_called_it_stored_is_sent_again(rig: Rig) -> None:
    rig.server.store = {name(n): json.dumps({"n": n}) for n in range(10)}
    rig.server.before_look = [lambda: rig.server.store.__delitem__(name(3))]
    assert await rig.index_all() == Indexed(991, 9, [])
    assert rig.server.requests[1:] == [[name(3)]]
    assert rig.indexer.counters.retried == 1


async def test_a_look_that_is_refused_is_told_and_waited_for(rig: Rig) -> None:
    rig.server.store = {name(0): json.dumps({"n": 0})}
    rig.server.look_status = 403
    rig.server.before_look = [lambda: None] * 4 + [lambda: setattr(rig.server, "look_status", 200)]
    assert await rig.index_all() == Indexed(999, 1, [])
    assert [ok for ok, _ in rig.health] == [True, False, True]
    assert rig.health[1][1].startswith("it cannot be asked whether what is stored already is on disk: 403 ")


async def test_a_full_queue_for_half_of_the_items_sends_just_these_again(rig: Rig) -> None:
    def odd_ones_wait(key: str) -> Item | None:
        return error(429, "es_rejected_execution_exception") if int(key[2:]) % 2 else None

    rig.server.script = [items(odd_ones_wait)]
    assert await rig.index_all() == Indexed(DOCUMENTS, 0, [])
    assert rig.server.requests[1] == NAMES[1::2]
    assert rig.indexer.counters.retried == 500


async def test_a_body_that_is_too_large_is_halved_and_the_next_ones_are_smaller(rig: Rig) -> None:
    rig.server.largest = 10_000
    assert await rig.index_all() == Indexed(DOCUMENTS, 0, [])
    assert rig.sleeps == []
    assert rig.indexer.counters.retried == sum(map(len, rig.server.requests)) - DOCUMENTS > 0


async def test_one_document_that_is_too_large_by_itself_is_a_dead_letter(rig: Rig) -> None:
    rig.server.largest = 60
    huge = Block(b'{"create":{"_id":"huge"}}\n{"n":"%b"}\n' % (b"x" * 100), 1)
    indexed = await rig.indexer.index([block(0, 1), huge, block(1, 1)])
    assert [(rejection.id, rejection.reason[:8]) for rejection in indexed.rejections] == [("huge", "HTTP 413")]
    assert sorted(rig.server.store) == [name(0), name(1)]


async def test_a_request_that_is_refused_as_a_whole_is_halved_down_to_the_document_at_fault(rig: Rig) -> None:
    malformed = json.dumps({"error": {"type": "illegal_argument_exception", "reason": "Malformed"}, "status": 400})

    async def step(server, request, pairs):  # type: ignore[no-untyped-def]  # the shape of a Step
        rig.server.script.append(step)
        refused = any(key == name(301) for key, _ in pairs)
        return await (whole(400, malformed) if refused else items(lambda _: None))(server, request, pairs)

    rig.server.script = [step]
    (rejection,) = (await rig.index_all()).rejections
    assert rejection.id == name(301)
    assert rejection.reason == "HTTP 400 illegal_argument_exception: Malformed"


@pytest.mark.parametrize(
    ("status", "answer", "content_type"),
    [
        (401, '{"error":{"type":"security_exception","reason":"unable to authenticate"},"status":401}', None),
        (403, '{"error":{"type":"security_exception","reason":"unauthorized"},"status":403}', None),
        (404, '{"error":{"type":"index_not_found_exception","reason":"no such index"},"status":404}', None),
        (400, "<html>400 plain HTTP request was sent to HTTPS port</html>", "text/html"),
        (400, '{"error":{"type":"illegal_argument_exception","reason":"contains unrecognized parameter"}}', None),
        (302, "", "text/html"),
    ],
)
async def test_what_a_person_must_mend_stops_intake_is_told_and_goes_on_by_itself(
    rig: Rig, status: int, answer: str, content_type: str | None
) -> None:
    rig.server.script = [whole(status, answer, content_type or "application/json")] * 5
    assert await rig.index_all() == Indexed(DOCUMENTS, 0, [])
    assert [ok for ok, _ in rig.health] == [False, True]
    assert str(status) in rig.health[0][1]
    assert rig.sleeps[-1] == 30.0
    assert len(rig.server.requests) == 6


@pytest.mark.parametrize(
    "blocked",
    [
        error(403, "cluster_block_exception", "index [x] blocked by: [FORBIDDEN/8/index write (api)];"),
        error(403, "security_exception"),
        error(404, "index_not_found_exception"),
        error(400, "index_closed_exception"),
    ],
)
async def test_an_index_that_takes_nothing_stops_intake_is_told_and_nothing_is_dropped(rig: Rig, blocked: Item) -> None:
    rig.server.script = [items(lambda _: blocked)] * 4
    assert await rig.index_all() == Indexed(DOCUMENTS, 0, [])
    assert [ok for ok, _ in rig.health] == [False, True]
    assert rig.health[0][1].startswith(str(blocked["status"]))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_request_that_fails_for_now_is_sent_again(rig: Rig, status: int) -> None:
    rig.server.script = [whole(status, "<html>busy</html>", "text/html")] * 2
    assert await rig.index_all() == Indexed(DOCUMENTS, 0, [])
    assert rig.server.requests == [NAMES] * 3
    assert rig.sleeps == [0.5, 1.0]
    assert rig.health == [(True, "")]


@pytest.mark.parametrize("stored", [True, False])
async def test_a_connection_cut_in_the_middle_of_the_answer_is_sent_again(rig: Rig, stored: bool) -> None:
    rig.server.script = [cut(stored=stored)]
    assert await rig.index_all() == Indexed(DOCUMENTS, 0, [])
    assert rig.server.requests == [NAMES] * 2


async def test_a_time_out_after_the_server_has_stored_all_is_no_repetition(server: Server) -> None:
    client = bulk_client(Settings(elasticsearch=server.url)).options(request_timeout=0.2)
    rig = Rig(server, client)
    server.script = [late(0.5)]
    assert await rig.index_all() == Indexed(DOCUMENTS, 0, [])
    assert server.requests == [NAMES] * 2
    await client.close()


@pytest.mark.parametrize(
    "answer",
    ["", "it works!", "[]", '"x"', "{}", '{"errors":false}', '{"errors":false,"items":null}',
     '{"errors":false,"items":[{"create":{"status":201}}]}', '{"errors":false,"items":[1]}',
     '{"errors":true,"items":[{"create":{}}]}', '{"errors":false,"items":{"create":{"status":201}}}'],
)  # fmt: skip
@pytest.mark.parametrize("stored", [True, False])
async def test_an_answer_that_does_not_tell_of_every_document_counts_as_none(
    rig: Rig, answer: str, stored: bool
) -> None:
    rig.server.script = [whole(200, answer, stored=stored)]
    assert await rig.index_all() == Indexed(DOCUMENTS, 0, [])
    assert len(rig.server.requests) == 2


async def test_what_is_not_elasticsearch_gets_nothing_for_granted(rig: Rig) -> None:
    async def stranger(_server, _request, pairs):  # type: ignore[no-untyped-def]  # the shape of a Step
        from aiohttp import web

        return web.json_response({"errors": False, "items": [{"create": {"status": 201}} for _ in pairs]})

    rig.server.script = [stranger]
    assert await rig.index_all() == Indexed(DOCUMENTS, 0, [])
    assert rig.health[0] == (False, "what answers there is not Elasticsearch")


async def test_a_document_that_fails_alone_becomes_a_dead_letter_after_five_minutes(rig: Rig) -> None:
    rig.server.rule = lambda key: error(500, "null_pointer_exception") if key == name(7) else None
    (rejection,) = (await rig.index_all()).rejections
    assert rejection.id == name(7)
    assert rejection.reason == "500 null_pointer_exception: because (alone, for 300 s)"
    assert 300 <= rig.now < 400


async def test_documents_of_a_shard_that_is_away_wait_for_it_however_long(rig: Rig) -> None:
    rig.server.script = [items(lambda key: error(503, "unavailable_shards_exception") if key == name(7) else None)]
    rig.server.script += [items(lambda _: error(503, "unavailable_shards_exception"))] * 100
    assert await rig.index_all() == Indexed(DOCUMENTS, 0, [])
    assert rig.now > 600


async def test_a_worker_with_nothing_to_index_learns_that_elasticsearch_is_there(rig: Rig) -> None:
    empty = json.dumps({"error": {"type": "parse_exception", "reason": "request body is required"}, "status": 400})
    rig.server.script = [whole(503, ""), whole(400, empty)]
    await rig.indexer.greet()
    assert rig.health == [(False, "HTTP 503 ''"), (True, "")]


async def test_while_nothing_listens_it_waits_and_says_so_and_may_be_cancelled(server: Server) -> None:
    client = bulk_client(Settings(elasticsearch="http://127.0.0.1:1"))
    rig = Rig(server, client)
    task = asyncio.create_task(rig.indexer.index(BLOCKS))
    await rig.told.wait()
    assert rig.health[0][0] is False
    assert rig.health[0][1].startswith("ConnectionError")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await client.close()


async def test_a_value_that_is_no_block_is_a_dead_letter_and_its_neighbours_are_stored(rig: Rig) -> None:
    torn = Block(b'{"create":{"_id":"a"}}\n{"n":1}\n{"create"', 1, "tetragon.documents", 1, 7)
    odd = Block(b'{"create":{"_id":"a"}}\n', 0, "tetragon.documents", 1, 8)
    indexed = await rig.indexer.index([torn, block(0, 3), odd])
    assert sorted(rig.server.store) == [name(0), name(1), name(2)]
    assert [rejection.original for rejection in indexed.rejections] == [torn.data, odd.data]
    assert len({rejection.id for rejection in indexed.rejections}) == 2


async def test_several_calls_may_be_under_way_at_once(rig: Rig) -> None:
    rig.server.script = [whole(503, "")] * 3
    answers = await asyncio.gather(*(rig.indexer.index([one]) for one in BLOCKS))
    assert sorted(rig.server.store) == NAMES
    assert sum(indexed.stored for indexed in answers) == DOCUMENTS


async def test_of_many_alike_the_log_tells_the_first(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.server.rule = lambda key: REFUSED if int(key[2:]) % 2 else None
    assert len((await rig.index_all()).rejections) == 500
    assert len([record for record in caplog.records if record.name == "app.index.indexer"]) == 1
