"""An Elasticsearch that speaks HTTP and follows a script: how each request is answered, and what is stored of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

Item = dict[str, object]
Pairs = Sequence[tuple[str, str]]
Rule = Callable[[str], Item | None]  # what is answered for this id; None: it is stored
BACKING = ".ds-stream-000001"
PRODUCT = {"x-elastic-product": "Elasticsearch"}


def error(status: int, kind: str = "some_exception", reason: str = "because") -> Item:
    return {"status": status, "error": {"type": kind, "reason": reason}}


class Server:
    """`store` holds every document by id. `script` is taken one step a request; when it has run out, `rule` decides.

    A body above `largest` bytes is a 413. `before_look` is called one step a look at what is stored already, of which
    all up to `checkpoint` is on disk, and all where that is None.
    """

    def __init__(self) -> None:
        self.store: dict[str, str] = {}
        self.script: list[Step] = []
        self.rule: Rule = lambda _: None
        self.largest = 2**40
        self.checkpoint: int | None = None
        self.before_look: list[Callable[[], None]] = []
        self.look_status = 200
        self.requests: list[list[str]] = []
        self.urls: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    async def bulk(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        lines = body.removesuffix("\n").split("\n") if body != "\n" else []
        pairs = [(json.loads(lines[n])["create"]["_id"], lines[n + 1]) for n in range(0, len(lines), 2)]
        self.requests.append([name for name, _ in pairs])
        self.urls.append(request.path_qs)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if len(body) > self.largest:
            return web.Response(status=413)
        if self.script:
            return await self.script.pop(0)(self, request, pairs)
        return await items(self.rule)(self, request, pairs)

    async def stats(self, _: web.Request) -> web.StreamResponse:
        if self.before_look:
            self.before_look.pop(0)()
        last = len(self.store) - 1
        checkpoint = last if self.checkpoint is None else self.checkpoint
        shard = {"routing": {"primary": True}, "seq_no": {"max_seq_no": last, "global_checkpoint": checkpoint}}
        answer = {"indices": {BACKING: {"shards": {"0": [shard]}}}}
        return web.json_response(answer, status=self.look_status, headers=PRODUCT)

    async def find(self, request: web.Request) -> web.StreamResponse:
        numbers = {name: number for number, name in enumerate(self.store)}
        asked = [each["_id"] for each in (await request.json())["docs"]]
        found: list[Item] = [
            {"found": True, "_seq_no": numbers[name], "_primary_term": 1} if name in numbers else {"found": False}
            for name in asked
        ]
        return web.json_response({"docs": found}, headers=PRODUCT)

    def take(self, pairs: Pairs, rule: Rule) -> list[Item]:
        return [rule(name) or self._create(name, document) for name, document in pairs]

    def _create(self, name: str, document: str) -> Item:
        if name in self.store:
            conflict = {"type": "version_conflict_engine_exception", "reason": "document already exists"}
            return {"status": 409, "error": {**conflict, "index": BACKING, "shard": "0"}}
        self.store[name] = document
        return {"status": 201}


Step = Callable[[Server, web.Request, Pairs], Awaitable[web.StreamResponse]]


def items(rule: Rule) -> Step:
    """HTTP 200, each document by the rule."""

    async def step(server: Server, _: web.Request, pairs: Pairs) -> web.StreamResponse:
        taken = server.take(pairs, rule)
        answer = {"errors": any("error" in item for item in taken), "items": [{"create": item} for item in taken]}
        return web.Response(
            body=json.dumps(answer, separators=(",", ":")), content_type="application/json", headers=PRODUCT
        )

    return step


def whole(status: int, answer: str, content_type: str = "application/json", *, stored: bool = False) -> Step:
    """The request as one, whatever it holds."""

    async def step(server: Server, _: web.Request, pairs: Pairs) -> web.StreamResponse:
        if stored:
            server.take(pairs, lambda _: None)
        return web.Response(status=status, text=answer, content_type=content_type, headers=PRODUCT)

    return step


def cut(*, stored: bool) -> Step:
    """The connection ends in the middle of the answer."""

    async def step(server: Server, request: web.Request, pairs: Pairs) -> web.StreamResponse:
        if stored:
            server.take(pairs, lambda _: None)
        response = web.StreamResponse(headers={"content-length": "1000", "content-type": "application/json", **PRODUCT})
        await response.prepare(request)
        await response.write(b'{"errors":false,"items":[')
        assert request.transport is not None
        request.transport.abort()
        return response

    return step


def late(seconds: float) -> Step:
    """Everything is stored, and the answer comes when nobody waits for it any more."""

    async def step(server: Server, _: web.Request, pairs: Pairs) -> web.StreamResponse:
        server.take(pairs, lambda _: None)
        await asyncio.sleep(seconds)
        return web.Response()

    return step


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application(client_max_size=2**30)
    app.router.add_post("/{stream}/_bulk", server.bulk)
    app.router.add_get("/{stream}/_stats/docs", server.stats)
    app.router.add_post("/_mget", server.find)
    async with TestServer(app) as running:
        server.url = str(running.make_url("/"))
        yield server
