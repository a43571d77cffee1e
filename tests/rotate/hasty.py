"""A shipper that writes down what it has read, before Kafka has it: what the rotation run must notice.

python -m tests.rotate.hasty ship PATH...
"""

from app.__main__ import main
from app.ship.files import File

_note = File.note


def _hasty(file: File) -> None:
    if file.place is not None:
        file.place.position, file.place.line, file.durable_seam = file.cursor, file.line, file.seam
    _note(file)


if __name__ == "__main__":
    setattr(File, "note", _hasty)  # noqa: B010 - in this process alone; mypy knows no other way
    main()
