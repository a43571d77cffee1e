"""A proxy before a real Elasticsearch that speaks TLS and lets in whom it knows, as Elasticsearch's security does."""

import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

_PASSED: dict[str, Iterable[str]] = {
    "to": ("content-type", "accept"),
    "back": ("content-type", "x-elastic-product"),
}


class Front:
    """`accepted` are whole values of the Authorization header; `forbidden` is answered to those who may not."""

    def __init__(self, target: str, accepted: Iterable[str]) -> None:
        self.accepted = set(accepted)
        self.forbidden = False
        self.refused = 0
        self.url = ""
        self._target = target

    @asynccontextmanager
    async def serving(self, context: ssl.SSLContext) -> AsyncIterator["Front"]:
        app = web.Application(client_max_size=2**28)
        app.router.add_route("*", "/{path:.*}", self._answer)
        server = TestServer(app, scheme="https")
        await server.start_server(ssl=context)
        async with ClientSession() as self._session:
            try:
                self.url = f"https://127.0.0.1:{server.port}"
                yield self
            finally:
                await server.close()

    async def _answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") not in self.accepted:
            self.refused += 1
            return _security(401, "unable to authenticate with provided credentials")
        if self.forbidden:
            self.refused += 1
            return _security(403, "action [indices:data/write/bulk[s]] is unauthorized for user [tetrastash]")
        async with self._session.request(
            request.method,
            f"{self._target}{request.path_qs}",
            data=await request.read(),
            headers={name: request.headers[name] for name in _PASSED["to"] if name in request.headers},
        ) as answer:
            headers = {name: answer.headers[name] for name in _PASSED["back"] if name in answer.headers}
            return web.Response(status=answer.status, body=await answer.read(), headers=headers)


def _security(status: int, reason: str) -> web.Response:
    body = {"error": {"type": "security_exception", "reason": reason}, "status": status}
    return web.json_response(body, status=status, headers={"x-elastic-product": "Elasticsearch"})
