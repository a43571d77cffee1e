"""`tetrastash tree` of what a real Elasticsearch holds."""

import asyncio
import base64
from typing import Any

import pytest

from app import elastic
from app.elastic import client
from app.local.elasticsearch import Elasticsearch
from app.read import stored
from app.settings import Settings
from tests.read.conftest import Run
from tests.read.test_tree import ended, ran, told

pytestmark = pytest.mark.integration


async def store(settings: Settings, *documents: dict[str, Any]) -> None:
    async with client(settings) as elasticsearch:
        operations: list[dict[str, Any]] = []
        for number, document in enumerate(documents):
            operations += [
                {"create": {}},
                {"@timestamp": f"2026-01-01T00:00:{number // 1000:02}.{number % 1000:03}Z", **document},
            ]
        answer = await elasticsearch.bulk(index=settings.data_stream, operations=operations, refresh=True)
        assert not answer["errors"], answer["items"][0]


def lineage(*ids: str) -> dict[str, Any]:
    return {"Ext": {"ancestry": list(ids)}}


FAMILY = [
    ran("a", "", "/sbin/init", 1),
    ran("b", "a", "/usr/sbin/sshd -D", **lineage("a")),
    ran("x", "a", "/usr/sbin/cron", **lineage("a")),
    ran("c", "b", "/bin/bash --login", 20, **lineage("b", "a")),
    ran("d", "c", "/bin/ls -la", 21, **lineage("c", "b", "a")),
    told(fim={"category": "credentials.shadow", "severity": 4}),
    told(fim={"category": "binaries.system", "severity": 0}),
    told(findings=[{"rule": "dropped.executed", "severity": 3, "reason": "", "fields": ["tags"]}]),
    ended("d", exit_code=2, **lineage("c", "b", "a")),
]
DRAWN = [
    "  /sbin/init  root · 1",
    "  └─ /usr/sbin/sshd -D  root · 7",
    "▶    └─ /bin/bash --login [credentials.shadow 4] [dropped.executed 3]  root · 20",
    "        └─ /bin/ls -la  root · 21 · exit 2 · 1.5 s",
]


async def printed(run: Run, *arguments: str, status: int = 0) -> tuple[list[str], str]:
    """Lines of stdout, and stderr."""
    tree = run("tree", *arguments)
    out = await asyncio.to_thread(tree.stdout.read)
    assert await asyncio.to_thread(tree.status) == status, tree.say()
    return out.decode().splitlines(), tree.say()


async def test_a_process_is_drawn_with_its_ancestors_and_descendants(ready: Settings, run: Run) -> None:
    await store(ready, *FAMILY)

    assert await printed(run, "c") == (DRAWN, "")


async def test_a_long_way_up_is_climbed_in_a_few_searches(ready: Settings, run: Run) -> None:
    names = [f"{number:03}" for number in range(50)]
    await store(ready, *(ran(each, names[place - 1] if place else "", "/bin/x", **lineage(*names[:place][::-1][:20]))
                         for place, each in enumerate(names)))  # fmt: skip
    drawn, _ = await printed(run, "049")

    assert len(drawn) == 50
    assert all("/bin/x" in line for line in drawn)


async def test_a_process_without_an_execution_is_found_by_what_it_did(ready: Settings, run: Run) -> None:
    await store(
        ready,
        {"process": {"entity_id": "c", "executable": "/bin/x", "pid": 3}, "tetragon": {"event": "process_kprobe"}},
    )

    assert (await printed(run, "c"))[0] == ["▶ /bin/x  3"]


async def test_a_process_that_only_its_children_tell_of_is_found(ready: Settings, run: Run) -> None:
    await store(ready, ran("d", "c", "/bin/x", **lineage("c")))

    assert (await printed(run, "c"))[0] == ["▶ ?", "  └─ /bin/x  root · 7"]


async def test_what_a_search_may_not_bring_is_told(ready: Settings) -> None:
    children = (ran(f"{number:05}", "a", "/bin/x", **lineage("a")) for number in range(stored.MOST_LIVES + 10))
    await store(ready, ran("a", "", "/bin/a"), *children)
    async with elastic.client(ready) as client:
        found = await stored.stored(client, ready, "a")

    assert len(found.known) == stored.MOST_LIVES
    assert found.cut == ["executions and exits: the first 2,000 of 2,011 documents were read"]


async def test_a_process_that_nobody_tells_of_is_a_sentence(ready: Settings, run: Run) -> None:
    await store(ready, *FAMILY)
    exec_id = base64.b64encode(b"n1:1:2").decode()
    drawn, said = await printed(run, exec_id, status=1)

    assert drawn == []
    assert said.startswith(f"tetrastash: No process with exec_id {exec_id!r} is in data stream '{ready.data_stream}'")


async def test_an_elasticsearch_without_the_data_stream_is_a_sentence(settings: Settings, run: Run) -> None:
    _, said = await printed(run, "a", status=1)

    assert f"has no data stream '{settings.data_stream}'" in said
    assert "Traceback" not in said


async def test_an_elasticsearch_that_is_away_is_a_sentence(
    settings: Settings, run: Run, elasticsearch: Elasticsearch
) -> None:
    elasticsearch.stop()
    _, said = await printed(run, "a", status=1)

    assert said.startswith(f"tetrastash: Elasticsearch cannot be reached at '{settings.elasticsearch}': ")
    assert "Traceback" not in said
