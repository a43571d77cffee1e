"""/healthz, /readyz and /metrics, and whatever else a process has to show.

By hand, because importing aiohttp's server would cost the shipper 12 of its 60 MB: GET, one request a connection.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from app.console.health import Board
from app.errors import SettingsError

log: Final = logging.getLogger(__name__)

_SECONDS: Final = 5.0  # for a request to come
_ANSWER_SECONDS: Final = 30.0  # for its answer to be found and to go
_REQUEST_BYTES: Final = 16 * 1024


class Answer(NamedTuple):
    status: HTTPStatus
    kind: str
    body: bytes
    headers: Mapping[str, str] = {}


Query = Mapping[str, str]
Route = Callable[[Query], Awaitable[Answer]]
Routes = Mapping[str, Route]


def routes(*, alive: Board, ready: Board, registry: CollectorRegistry) -> Routes:
    async def metrics(_: Query) -> Answer:
        return Answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))

    return {"/healthz": _telling(alive), "/readyz": _telling(ready), "/metrics": metrics}


def _telling(board: Board) -> Route:
    async def tell(_: Query) -> Answer:
        status = HTTPStatus.OK if board.ok else HTTPStatus.SERVICE_UNAVAILABLE
        return Answer(status, "application/json", json.dumps(board.wire()).encode())

    return tell


@asynccontextmanager
async def serve(address: tuple[str, int], routes: Routes) -> AsyncIterator[str]:
    """Gives the URL. Raises SettingsError where it cannot listen."""
    host, port = address

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # A client that hangs up, dawdles or babbles gets no answer.
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                async with asyncio.timeout(_SECONDS):
                    request = await reader.readuntil(b"\r\n\r\n")
                async with asyncio.timeout(_ANSWER_SECONDS):
                    writer.write(await respond(request, routes))
                    await writer.drain()
        finally:
            writer.close()

    try:
        server = await asyncio.start_server(answer, host, port, limit=_REQUEST_BYTES)
    except OSError as error:
        raise SettingsError(
            f"Setting TETRASTASH_LISTEN has value {f'{host}:{port}'!r}, where nothing can listen: "
            f"{error.strerror}. Expected a host:port of this machine that is not in use; port 0 takes a free one."
        ) from error
    async with server:
        bound = server.sockets[0].getsockname()[1]
        url = f"http://{f'[{host}]' if ':' in host else host}:{bound}"
        log.info("Status is served url=%s", url)
        yield url


async def respond(request: bytes, routes: Routes) -> bytes:
    """The response to a request's head."""
    method, _, rest = request.partition(b" ")
    path, _, query = rest.partition(b" ")[0].decode("latin-1").partition("?")
    route = routes.get(path)
    if route is None:
        answer = Answer(HTTPStatus.NOT_FOUND, "text/plain", f"Try one of {' '.join(routes)}\n".encode())
    elif method not in (b"GET", b"HEAD"):
        answer = Answer(HTTPStatus.METHOD_NOT_ALLOWED, "text/plain", b"Only GET is answered.\n")
    else:
        answer = await route(dict(parse_qsl(query)))
    headers = {
        "Content-Type": answer.kind,
        "Content-Length": str(len(answer.body)),
        "Connection": "close",
        "X-Content-Type-Options": "nosniff",
        **answer.headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n{lines}\r\n"
    return head.encode("latin-1") + (b"" if method == b"HEAD" else answer.body)
