"""Text of events on a terminal: whoever wrote it may be an attacker, and a terminal obeys what it does not show."""

import re
import unicodedata
from typing import Final

# What str.isprintable() lets pass although it prints nothing: fillers, joiners and variation selectors.
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_QUOTING: Final = re.compile("[ \"'`]")
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def shown(text: str) -> str:
    """One word on one line: itself where it is plain, else in quotes, with escapes as in Python."""
    if text and text.isprintable() and not _UNSEEN.search(text) and not _QUOTING.search(text) and not _joins(text):
        return text
    escaped = "".join(map(_escaped, text))
    if text and _joins(text):
        escaped = _code(text[0]) + escaped[1:]
    return f'"{escaped}"'


def plain(text: str) -> str:
    """A sentence in which others are quoted: as it is, but for what a terminal would not print."""
    return "".join(each if _is_seen(each) else _code(each) for each in text)


def visible(text: str) -> str:
    """JSON, or what should be, with the same meaning: what a terminal would not print is a \\u of JSON."""
    if text.isprintable() and not _UNSEEN.search(text):
        return text
    return "".join(each if _is_seen(each) else _of_json(each) for each in text)


def _is_seen(character: str) -> bool:
    return character.isprintable() and not _UNSEEN.match(character)


def _escaped(character: str) -> str:
    return _SHORT.get(character) or (character if _is_seen(character) else _code(character))


def _code(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _of_json(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place] << 8 | units[place + 1]:04x}" for place in range(0, len(units), 2))


def _joins(text: str) -> bool:
    """It would change the character before it."""
    return unicodedata.category(text[0]).startswith("M")
