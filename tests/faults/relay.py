"""Between clients and a broker: its answers come late, or never, or the connections break. Bytes alone, no protocol."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from random import Random
from types import TracebackType
from typing import Any, Final, Literal, Self

from app.local.ports import HOST

LATE_SECONDS: Final = (0.1, 1.0)
PIECE: Final = 2**16

Answers = Literal["pass", "late", "swallowed"]


class Relay:
    """From `port` to `target`, while within `with`. `swallowed` counts bytes of answers that nobody got."""

    def __init__(self, port: int, target: int, seed: int) -> None:
        self.port = port
        self.answers: Answers = "pass"
        self.swallowed = 0
        self.cut_connections = 0
        self._target = target
        self._random = Random(f"{seed}/relay")
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """All connections, wherever in an answer they are."""
        self._do(self._cut())

    def _do(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, self.port)

    async def _end(self) -> None:
        self._server.close()
        await self._cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait(others, timeout=5) if others else None

    async def _cut(self) -> None:
        for writer in self._open:
            writer.transport.abort()
        self.cut_connections += len(self._open) // 2
        self._open.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            broker, to_broker = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, to_broker}
        self._open |= pair
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(reader, to_broker, is_answer=False))
                both.create_task(self._pass(broker, writer, is_answer=True))
        except* OSError:
            pass
        finally:
            self._open -= pair
            for each in pair:
                each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        """Until either side ends, which ends the other."""
        while piece := await reader.read(PIECE):
            if is_answer and self.answers == "swallowed":
                self.swallowed += len(piece)
                continue
            if is_answer and self.answers == "late":
                await asyncio.sleep(self._random.uniform(*LATE_SECONDS))
            writer.write(piece)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        raise ConnectionResetError
