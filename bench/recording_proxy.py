"""`python -m bench.recording_proxy <port> <URL of Elasticsearch> <file>`: notes when each document was stored.

`file` gets two 64-bit numbers a document, in ns since 1970: the document's own @timestamp, and when the answer that
says it is stored passed here on its way to the worker.
"""

import re
import sys
import time
from array import array
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import orjson
from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web

from app.local.ports import HOST
from bench.null_elasticsearch import BODY_BYTES
from schemas.times import nanoseconds

_OF_THIS_HOP: Final = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
_TIMESTAMP: Final = re.compile(rb'"@timestamp":"([^"]+)"')


def stored_times(body: bytes, answer: bytes) -> list[int]:
    """The @timestamp of each document of a bulk request that its answer says is stored, in ns since 1970."""
    documents: Sequence[bytes] = body.split(b"\n")[1::2]
    told = orjson.loads(answer)
    if told["errors"]:
        stored = [item["create"]["status"] in (200, 201) for item in told["items"]]
        documents = [document for document, is_stored in zip(documents, stored, strict=True) if is_stored]
    found = (_TIMESTAMP.search(document) for document in documents)
    times = (nanoseconds(match[1].decode()) for match in found if match is not None)
    return [each for each in times if each is not None]


def read_record(file: Path) -> "tuple[array[int], array[int]]":
    """The documents' own times, and when they were stored."""
    numbers = array("q")
    whole = file.read_bytes() if file.exists() else b""
    numbers.frombytes(whole[: len(whole) // 16 * 16])
    return numbers[::2], numbers[1::2]


def application(url: str, file: Path) -> web.Application:
    async def session(app: web.Application) -> AsyncIterator[None]:
        async with ClientSession(
            url,
            connector=TCPConnector(limit=100),
            cookie_jar=DummyCookieJar(),
            skip_auto_headers=["Accept-Encoding"],  # an answer that the worker did not ask to be packed
        ) as client:
            app[_CLIENT] = client
            yield

    async def forward(request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_THIS_HOP}
        async with request.app[_CLIENT].request(
            request.method, request.path_qs, data=body, headers=headers
        ) as response:
            answer = await response.read()
        answered = time.time_ns()
        if request.path.endswith("/_bulk") and response.status == 200:
            note(body, answer, answered)
        kept = {name: value for name, value in response.headers.items() if name.lower() not in _OF_THIS_HOP}
        return web.Response(status=response.status, body=answer, headers=kept)

    def note(body: bytes, answer: bytes, answered: int) -> None:
        pairs = array("q", [number for at in stored_times(body, answer) for number in (at, answered)])
        with file.open("ab") as record:
            pairs.tofile(record)

    app = web.Application(client_max_size=BODY_BYTES)
    app.cleanup_ctx.append(session)
    app.router.add_route("*", "/{path:.*}", forward)
    return app


_CLIENT: Final = web.AppKey("client", ClientSession)

if __name__ == "__main__":
    web.run_app(
        application(sys.argv[2], Path(sys.argv[3])), host=HOST, port=int(sys.argv[1]), print=None, access_log=None
    )
