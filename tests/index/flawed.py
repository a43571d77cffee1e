"""Sweeps that lack one of their precautions: what a simulation must find, else it proves nothing."""

from typing import Any

from app.index.questions import Asking, Index
from app.index.sweep import Sweep


class Idle(Sweep):
    """Looks for nothing."""

    def round(self) -> Asking[None]:
        yield from ()


class Trusting(Sweep):
    """Without step 4: takes a copy for kept that it has only seen."""

    def _are_kept(self, kept: Any) -> Asking[bool]:  # noqa: ARG002 - the program's signature
        yield from ()
        return True


class Backward(Sweep):
    """Without the second half of step 3: asks older indices alone."""

    def _is_swept(self, index: Index) -> bool:  # noqa: ARG002 - the program's signature
        return False


class Hasty(Sweep):
    """Believes what lies above the checkpoint as well."""

    def _advance(self, index: Index, number: int, position: int) -> None:
        super()._advance(index, number, position + 1)
