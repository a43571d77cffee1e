"""A shipper that begins at the end of what it has not seen yet, as `tail -f` does: what the run must notice.

python -m tests.rotate.hasty ship PATH...
"""

from app.__main__ import main
from app.ship.files import File
from app.ship.logs import Log

_recognise = Log.recognise


def _begin_at_the_end(log: Log, file: File, *, final: bool) -> bool:
    recognised = _recognise(log, file, final=final)
    if file.place is not None and not file.place.position and not file.cursor and file.size:
        file.cursor = file.size
    return recognised


if __name__ == "__main__":
    setattr(Log, "recognise", _begin_at_the_end)  # noqa: B010 - in this process alone; mypy knows no other way
    main()
