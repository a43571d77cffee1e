"""/healthz, /readyz and /metrics."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from app.console.health import Board
from app.errors import SettingsError

log: Final = logging.getLogger(__name__)


@asynccontextmanager
async def serve(
    address: tuple[str, int], *, alive: Board, ready: Board, registry: CollectorRegistry
) -> AsyncIterator[str]:
    """Gives the URL. Raises SettingsError where it cannot listen."""
    app = web.Application()
    app.add_routes(
        [
            web.get("/healthz", lambda _: _answer(alive)),
            web.get("/readyz", lambda _: _answer(ready)),
            web.get("/metrics", lambda _: _exposition(registry)),
        ]
    )
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        host, port = address
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise SettingsError(
                f"Setting TETRASTASH_LISTEN has value {f'{host}:{port}'!r}, where nothing can listen: "
                f"{error.strerror}. Expected a host:port of this machine that is not in use; port 0 takes a free one."
            ) from error
        bound = runner.addresses[0]
        url = f"http://{f'[{host}]' if ':' in host else host}:{bound[1]}"
        log.info("Status page is served url=%s", url)
        yield url
    finally:
        await runner.cleanup()


async def _answer(board: Board) -> web.Response:
    return web.json_response(board.wire(), status=200 if board.ok else 503)


async def _exposition(registry: CollectorRegistry) -> web.Response:
    return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
