"""A dead letter as one line."""

from typing import Final

from app.read.escape import shown
from app.read.fields import Document, text
from app.read.paint import Paint, plain

_MOST: Final = 120  # characters of the original


def letter_line(letter: Document, paint: Paint = plain) -> str:
    """Its stage, its key, the reason, where it came from, and how the original begins."""
    key, original = text(letter, "key"), text(letter, "original")
    packed = "" if original else text(letter, "original_base64")
    parts = (
        paint(f"💀 {shown(text(letter, 'stage') or 'unknown'):<7}", "blue"),
        paint(shown(key), "green") if key else "",
        paint(shown(text(letter, "reason")), "red"),
        paint(_origin(letter), "dim"),
        paint(f"{'base64:' if packed else ''}{_cut(original or packed)}", "cyan"),
    )
    return " ".join(part for part in parts if part)


def _origin(letter: Document) -> str:
    topic, partition, offset, line, path, position = (
        text(letter, f"origin.{name}") for name in ("topic", "partition", "offset", "line", "path", "position")
    )
    record = f"{topic}[{partition}]@{offset}{f':{line}' if line else ''}" if topic else ""
    file = f"{path}@{position}" if path and position else path
    return " ".join(shown(place) for place in (record, file) if place)


def _cut(original: str) -> str:
    return shown(original) if len(original) <= _MOST else f"{shown(original[:_MOST])}…"
