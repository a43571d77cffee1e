"""The page of a worker: what stands on it, and what it asks for."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache, partial
from http import HTTPStatus
from importlib.metadata import version
from importlib.resources import files
from typing import Any, Final

import msgspec
import orjson
from elastic_transport import TransportError
from elasticsearch import ApiError, AsyncElasticsearch

from app.console.fresh import Fresh
from app.console.groups import Groups
from app.console.http import Answer, Query, Route, Routes
from app.console.questions import STEPS, USUAL_MINUTES, Unanswered, questions, read
from app.errors import TetrastashError
from app.read.stored import stored, why_nothing_is_read
from app.read.tree import around
from app.settings import Settings

State = Callable[[], Mapping[str, Any]]

FRESH_SECONDS: Final = 3.0
QUERY_SECONDS: Final = 10.0

PARTS: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/chart.js": ("chart.js", "text/javascript; charset=utf-8"),
    "/parts.js": ("parts.js", "text/javascript; charset=utf-8"),
}
_SAFE: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@asynccontextmanager
async def page(settings: Settings, client: AsyncElasticsearch, state: State) -> AsyncIterator[Routes]:
    """`client` is one of app.elastic.clients, `state` tells of this worker. Nothing is asked of Kafka or
    Elasticsearch while nobody looks at the page."""
    groups = Groups(settings)
    fresh_groups = Fresh(groups.look, FRESH_SECONDS)
    overviews = {minutes: Fresh(partial(_stored, client, settings, minutes), FRESH_SECONDS) for minutes in STEPS}

    async def overview(query: Query) -> Answer:
        asked = query.get("minutes", str(USUAL_MINUTES))
        if not asked.isdecimal() or int(asked) not in STEPS:
            return _refused(f"minutes is {asked!r}; expected one of {', '.join(map(str, STEPS))}")
        return _json(
            {
                "now": time.time_ns() // 1_000_000,
                "version": version("tetrastash"),
                "data_stream": settings.data_stream,
                "worker": state(),
                "groups": await fresh_groups.get(),
                "stored": await overviews[int(asked)].get(),
            }
        )

    async def tree(query: Query) -> Answer:
        return await _tree(client, settings, query.get("exec_id", ""))

    async def document(query: Query) -> Answer:
        return await _document(client, settings, query.get("id", ""))

    try:
        yield {
            **{path: _file(*named) for path, named in PARTS.items()},
            "/api/overview": overview,
            "/api/tree": tree,
            "/api/document": document,
        }
    finally:
        await groups.close()


async def _stored(client: AsyncElasticsearch, settings: Settings, minutes: int) -> dict[str, Any]:
    """`error` is a sentence, when Elasticsearch does not answer."""
    asked = questions(minutes, settings.data_stream)
    try:
        answer = await client.options(request_timeout=QUERY_SECONDS).msearch(searches=asked)
        return read(answer.body, minutes)
    except Unanswered as error:
        return {"error": f"Elasticsearch cannot tell what is stored: {error}."}
    except (ApiError, TransportError) as error:
        return {"error": str(why_nothing_is_read(settings, error))}


async def _tree(client: AsyncElasticsearch, settings: Settings, exec_id: str) -> Answer:
    if not exec_id:
        return _refused("exec_id is missing; expected the process.entity_id of a document")
    try:
        found = await stored(client, settings, exec_id)
    except TetrastashError as error:
        return _json({"error": str(error)})
    tree = around(found.known, exec_id)
    if tree is None:
        return _json({"error": f"Nothing is stored of {exec_id!r}."})
    return _json({"tree": msgspec.to_builtins(tree), "cut": found.cut})


async def _document(client: AsyncElasticsearch, settings: Settings, wanted: str) -> Answer:
    if not wanted:
        return _refused("id is missing; expected the event.id of a document")
    try:
        query = {"ids": {"values": [wanted]}}
        answer = await client.options(request_timeout=QUERY_SECONDS).search(
            index=settings.data_stream, query=query, size=1
        )
    except (ApiError, TransportError) as error:
        return _json({"error": str(why_nothing_is_read(settings, error))})
    hits = answer["hits"]["hits"]
    return _json({"document": hits[0]["_source"]} if hits else {"error": f"No document {wanted!r} is stored."})


def _file(name: str, kind: str) -> Route:
    async def send(_: Query) -> Answer:
        return Answer(HTTPStatus.OK, kind, content(name), _SAFE)

    return send


@cache
def content(name: str) -> bytes:
    return (files("app.console") / "static" / name).read_bytes()


def _json(value: Any) -> Answer:
    body = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    return Answer(HTTPStatus.OK, "application/json", body, {"Cache-Control": "no-store"})


def _refused(sentence: str) -> Answer:
    return Answer(HTTPStatus.BAD_REQUEST, "text/plain; charset=utf-8", f"{sentence}\n".encode())
