"""`python -m bench.null_elasticsearch <port>`: takes every document at once and keeps none, in a process of its own.

What remains of a worker's cost against it is the worker's. GET /taken tells how many documents came.
"""

import sys
from functools import lru_cache
from typing import Final

from aiohttp import web

from app.local.ports import HOST

PRODUCT: Final = {"x-elastic-product": "Elasticsearch"}  # without it the client refuses to talk
BODY_BYTES: Final = 1 << 30


@lru_cache(maxsize=1024)
def all_created(documents: int) -> bytes:
    """As Elasticsearch answers with the filter_path of app.index.bulk."""
    return b'{"errors":false,"items":[%b]}' % b",".join([b'{"create":{"status":201}}'] * documents)


def application() -> web.Application:
    taken = 0

    async def bulk(request: web.Request) -> web.Response:
        nonlocal taken
        lines = 0
        async for piece in request.content.iter_any():
            lines += piece.count(b"\n")
        taken += lines // 2
        return _json(all_created(lines // 2))

    async def tell(_: web.Request) -> web.Response:
        return _json(b"%d" % taken)

    async def health(_: web.Request) -> web.Response:
        return _json(b'{"status":"green"}')

    app = web.Application(client_max_size=BODY_BYTES)
    app.add_routes([web.post("/{stream}/_bulk", bulk), web.get("/taken", tell), web.get("/_cluster/health", health)])
    return app


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json", headers=PRODUCT)


if __name__ == "__main__":
    web.run_app(application(), host=HOST, port=int(sys.argv[1]), print=None, access_log=None)
