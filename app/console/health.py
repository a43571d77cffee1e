"""What works, and why the rest does not."""

from typing import Any


class Board:
    """Reasons by name. Healthy when nothing on it is wrong."""

    def __init__(self, *needs: str) -> None:
        """`needs` are wrong until they are set."""
        self._wrong = dict.fromkeys(needs, "not reached yet")

    def set(self, name: str, ok: bool, reason: str = "") -> None:
        if ok:
            self._wrong.pop(name, None)
        else:
            self._wrong[name] = reason

    @property
    def ok(self) -> bool:
        return not self._wrong

    def wire(self) -> dict[str, Any]:
        """As JSON."""
        return {"ok": self.ok, "reasons": dict(self._wrong)} if self._wrong else {"ok": True}
