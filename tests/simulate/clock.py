"""Virtual time: an event loop that never waits, and goes from one timer to the next."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from heapq import heappop, heappush
from typing import Any, TypeVar, TypeVarTuple, cast

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Handle:
    """asyncio's own, without what nobody asks for here: a schedule makes thousands of them."""

    __slots__ = ("_when", "args", "callback", "context")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None) -> None:
        self.callback: Callable[..., object] | None = callback
        self.args = args
        self.context = context if context is not None else copy_context()
        self._when = 0.0

    def cancel(self) -> None:
        self.callback = None
        self.args = ()

    def cancelled(self) -> bool:
        return self.callback is None

    def when(self) -> float:
        return self._when


class VirtualLoop(asyncio.BaseEventLoop):
    """`now` is in seconds since it began. Nothing ever arrives from outside."""

    _stopping: bool  # asyncio's own: stop() was called, and is obeyed after this round

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self._due: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        self._number = 0  # of timers so far: those of one moment come in the order in which they were set

    def time(self) -> float:
        return self.now

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _Handle(callback, args, context)
        self._due.append(handle)
        return cast(asyncio.Handle, handle)

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = _Handle(callback, args, context)
        handle._when = when
        self._number += 1
        heappush(self._timers, (when, self._number, handle))
        return cast(asyncio.TimerHandle, handle)

    def _run_once(self) -> None:
        """All that happens until it is stopped, where asyncio's own goes one round; its run_forever calls it.

        What is due comes in the order in which it became so, and then the next timer.
        """
        due, timers = self._due, self._timers
        while not self._stopping:
            if due:
                handle = due.popleft()
            elif timers:
                when, _, handle = heappop(timers)
                if handle.callback is None:
                    continue
                self.now = max(self.now, when)
            else:
                raise RuntimeError("everybody waits, and nothing will ever happen")
            if handle.callback is not None:
                try:
                    handle.context.run(handle.callback, *handle.args)
                except Exception as error:  # noqa: BLE001 - as asyncio has it: told, and the others go on
                    self.call_exception_handler({"message": f"in {handle.callback!r}", "exception": error})


def run(loop: VirtualLoop, main: Coroutine[Any, Any, T]) -> T:
    """To its end, and all that it has begun with it; the loop is closed then."""
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main)
    finally:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        asyncio.set_event_loop(None)
        loop.close()
