"""Between the workers and a real Elasticsearch: a part of all requests is spoilt over the wire, each in one of the ways
that are known to happen.

    python -m tests.faults.proxy --seed 1 --share 0.25 --port PORT --elasticsearch URL

GET /_faults tells how often each has happened. POST /_spoil, with {"share": …, "names": […]}, has others from now on,
and is answered when nothing is late any more.
"""

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Final

from aiohttp import ClientConnectionError, ClientSession, web

PRODUCT: Final = {"x-elastic-product": "Elasticsearch"}
SLOW_SECONDS: Final = (0.5, 3.0)
LATE_SECONDS: Final = (1.0, 6.0)
# Of other requests than bulks, which read, fewer are spoilt: by one in twenty a round of asking comes to its end.
READ_SHARE: Final = 0.2
WITHIN: Final = "cut within the request"
REFUSED: Final = "400 to items"
KEPT_HEADERS: Final = ("content-type", "accept")

Reply = web.StreamResponse
Fault = Callable[["Proxy", web.Request, bytes], Awaitable[Reply]]


class Proxy:
    def __init__(self, target: str, random: Random, share: float) -> None:
        self.happened: Counter[str] = Counter()
        self._target = target
        self._random = random
        self._share = share
        self._names = frozenset(BULK) - {REFUSED}  # what is refused for good needs somebody to send it back
        self._late: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def connected(self, _: web.Application) -> AsyncIterator[None]:
        async with ClientSession() as self._session:
            yield
            await asyncio.gather(*self._late, return_exceptions=True)

    async def answer(self, request: web.Request) -> Reply:
        if request.path == "/_faults":
            return web.json_response(dict(self.happened))
        if self._is_cut_within(request):
            self.happened[WITHIN] += 1
            await request.content.read(1_000)
            return _abort(request)
        body = await request.read()
        if request.path == "/_spoil":
            told = json.loads(body)
            self._share, self._names = told["share"], frozenset(told["names"])
            await asyncio.gather(*self._late, return_exceptions=True)
            return web.Response()
        is_bulk = request.method == "POST" and request.path.endswith("_bulk") and b'{"create"' in body[:20]
        spoilers = BULK if is_bulk else ANY
        faults = {name: fault for name, fault in spoilers.items() if name in self._names and name != WITHIN}
        share = self._share if is_bulk else self._share * READ_SHARE
        try:
            if not faults or self._random.random() >= share:
                return _reply(*await self.forward(request, body))
            name = self._random.choice(list(faults))
            self.happened[name] += 1
            return await faults[name](self, request, body)
        except ClientConnectionError:
            return _abort(request)  # as if nobody stood between

    def _is_cut_within(self, request: web.Request) -> bool:
        """Before anybody has read what it is."""
        if WITHIN not in self._names or not request.path.endswith("_bulk"):
            return False
        return self._random.random() < self._share / len(self._names)

    async def forward(self, request: web.Request, body: bytes, path: str | None = None) -> tuple[int, str, bytes]:
        headers = {name: request.headers[name] for name in KEPT_HEADERS if name in request.headers}
        url = self._target + (path or request.path_qs)
        async with self._session.request(request.method, url, data=body, headers=headers) as answer:
            return answer.status, answer.content_type, await answer.read()

    def forward_late(self, request: web.Request, body: bytes) -> None:
        """When nobody waits for it any more: it may end after a rollover."""

        async def late() -> None:
            await asyncio.sleep(self._random.uniform(*LATE_SECONDS))
            await self.forward(request, body)

        task = asyncio.ensure_future(late())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def chosen(self, count: int) -> set[int]:
        """About half of so many."""
        return {number for number in range(count) if self._random.random() < 0.5}

    async def pause(self) -> None:
        await asyncio.sleep(self._random.uniform(*SLOW_SECONDS))


def whole(status: int, kind: str) -> Fault:
    """The request is refused and not passed on."""

    async def fault(_: Proxy, __: web.Request, ___: bytes) -> Reply:
        error = {"error": {"type": kind, "reason": "by the proxy"}, "status": status}
        return web.json_response(error, status=status, headers=PRODUCT)

    return fault


def items(status: int, kind: str) -> Fault:
    """Half of the documents are refused, the others are passed on."""

    async def fault(proxy: Proxy, request: web.Request, body: bytes) -> Reply:
        lines = body.split(b"\n")
        count = len(lines) // 2
        refused = proxy.chosen(count)
        passed = [n for n in range(count) if n not in refused]
        taken: list[Any] = []
        if passed:
            kept = b"".join(b"%b\n%b\n" % (lines[2 * n], lines[2 * n + 1]) for n in passed)
            answered, content_type, answer = await proxy.forward(request, kept)
            if answered != 200:
                return _reply(answered, content_type, answer)
            taken = json.loads(answer)["items"]
        spoilt = {"create": {"status": status, "error": {"type": kind, "reason": "by the proxy"}}}
        results = iter(taken)
        told = [spoilt if n in refused else next(results) for n in range(count)]
        return web.json_response({"errors": True, "items": told}, headers=PRODUCT)

    return fault


async def gateway(_: Proxy, __: web.Request, ___: bytes) -> Reply:
    return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")


async def too_large(_: Proxy, __: web.Request, ___: bytes) -> Reply:
    return web.Response(status=413)


async def slow(proxy: Proxy, request: web.Request, body: bytes) -> Reply:
    await proxy.pause()
    return _reply(*await proxy.forward(request, body))


async def cut_before(_: Proxy, request: web.Request, __: bytes) -> Reply:
    return _abort(request)


async def cut_after(proxy: Proxy, request: web.Request, body: bytes) -> Reply:
    """It is done, and nobody hears of it."""
    await proxy.forward(request, body)
    return _abort(request)


async def cut_answer(proxy: Proxy, request: web.Request, body: bytes) -> Reply:
    status, content_type, answer = await proxy.forward(request, body)
    headers = {"content-length": str(len(answer)), "content-type": content_type, **PRODUCT}
    response = web.StreamResponse(status=status, headers=headers)
    await response.prepare(request)
    await response.write(answer[: len(answer) // 2])
    return _abort(request, response)


async def no_json(proxy: Proxy, request: web.Request, body: bytes) -> Reply:
    await proxy.forward(request, body)
    return web.Response(text="all is well", content_type="application/json", headers=PRODUCT)


async def late(proxy: Proxy, request: web.Request, body: bytes) -> Reply:
    """A gateway gives up, and the request goes on."""
    proxy.forward_late(request, body)
    return web.Response(status=504, text="<html>Gateway Time-out</html>", content_type="text/html")


ANY: Final[Mapping[str, Fault]] = {
    "429 to a request": whole(429, "circuit_breaking_exception"),
    "503 to a request": whole(503, "master_not_discovered_exception"),
    "502 in HTML": gateway,
    "slow": slow,
    "cut before": cut_before,
    "cut after": cut_after,
    "cut within the answer": cut_answer,
}
BULK: Final[Mapping[str, Fault]] = {
    **ANY,
    WITHIN: cut_before,
    "401 to a request": whole(401, "security_exception"),
    "403 to a request": whole(403, "cluster_block_exception"),
    "413": too_large,
    "no JSON": no_json,
    "late": late,
    "429 to items": items(429, "es_rejected_execution_exception"),
    "503 to items": items(503, "unavailable_shards_exception"),
    "403 to items": items(403, "cluster_block_exception"),
    REFUSED: items(400, "document_parsing_exception"),
}


def _reply(status: int, content_type: str, answer: bytes) -> Reply:
    return web.Response(status=status, body=answer, content_type=content_type, headers=PRODUCT)


def _abort(request: web.Request, response: Reply | None = None) -> Reply:
    assert request.transport is not None
    request.transport.abort()
    return response or web.Response()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.proxy")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--share", type=float, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--elasticsearch", required=True)
    given = parser.parse_args()
    proxy = Proxy(given.elasticsearch, Random(f"{given.seed}/proxy"), given.share)
    app = web.Application(client_max_size=2**28)
    app.router.add_route("*", "/{path:.*}", proxy.answer)
    app.cleanup_ctx.append(proxy.connected)
    web.run_app(app, host="127.0.0.1", port=given.port, print=None, access_log=None)


if __name__ == "__main__":
    main()
