import asyncio
import json
import socket
from http import HTTPStatus

import pytest
from prometheus_client import CollectorRegistry

from app.console.health import Board
from app.console.http import Answer, Query, respond, routes, serve
from app.console.metrics import Sample, registry
from app.errors import SettingsError


def answer(head: bytes, alive: Board | None = None, ready: Board | None = None) -> tuple[bytes, bytes]:
    made = registry(lambda: [Sample("tetrastash_shipped_lines_total", 7)])
    response = asyncio.run(respond(head, routes(alive=alive or Board(), ready=ready or Board(), registry=made)))
    first, _, rest = response.partition(b"\r\n")
    return first, rest.partition(b"\r\n\r\n")[2]


def test_health_is_200_or_503_with_the_reasons() -> None:
    assert answer(b"GET /healthz HTTP/1.1\r\n\r\n") == (b"HTTP/1.1 200 OK", b'{"ok": true}')
    status, body = answer(b"GET /readyz HTTP/1.1\r\n\r\n", ready=Board("kafka"))
    assert status == b"HTTP/1.1 503 Service Unavailable"
    assert json.loads(body) == {"ok": False, "reasons": {"kafka": "not reached yet"}}
    assert answer(b"GET /healthz HTTP/1.1\r\n\r\n", ready=Board("kafka"))[0] == b"HTTP/1.1 200 OK"


def test_metrics_are_in_the_format_of_prometheus() -> None:
    status, body = answer(b"GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status == b"HTTP/1.1 200 OK"
    assert b"\ntetrastash_shipped_lines_total 7.0\n" in body


async def test_a_route_is_given_the_query_and_may_send_headers() -> None:
    async def tell(query: Query) -> Answer:
        return Answer(HTTPStatus.OK, "text/plain", query["id"].encode(), {"X-Frame-Options": "DENY"})

    response = await respond(b"GET /x?id=a%2Fb&c= HTTP/1.1\r\n\r\n", {"/x": tell})
    assert response.endswith(b"\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n\r\na/b")


@pytest.mark.parametrize(
    ("head", "status", "body"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"404 Not Found", b"Try one of /healthz /readyz /metrics\n"),
        (b"POST /healthz HTTP/1.1\r\n\r\n", b"405 Method Not Allowed", b"Only GET is answered.\n"),
        (b"HEAD /healthz HTTP/1.1\r\n\r\n", b"200 OK", b""),
        (b"\xff\x00\r\n\r\n", b"404 Not Found", b"Try one of /healthz /readyz /metrics\n"),
    ],
)
def test_other_requests_are_told_what_is_there(head: bytes, status: bytes, body: bytes) -> None:
    assert answer(head) == (b"HTTP/1.1 " + status, body)


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    writer.write_eof()
    response = await reader.read()
    writer.close()
    await writer.wait_closed()
    return response


async def test_a_free_port_is_taken_and_its_url_given() -> None:
    made = routes(alive=Board(), ready=Board(), registry=CollectorRegistry())
    async with serve(("127.0.0.1", 0), made) as url:
        port = int(url.removeprefix("http://127.0.0.1:"))
        assert (await ask(port, b"GET /healthz HTTP/1.1\r\n\r\n")).endswith(b'\r\n\r\n{"ok": true}')
        assert await ask(port, b"GET /healthz") == b""  # hung up
        assert await ask(port, b"x" * 100_000) == b""  # babbled


async def test_an_address_in_use_is_told_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = ("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(SettingsError, match=r"TETRASTASH_LISTEN has value '127.0.0.1:") as raised:
            async with serve(address, {}):
                pass
    assert "port 0 takes a free one" in str(raised.value)
