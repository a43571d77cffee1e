"""RFC 3339 and nanoseconds since 1970, as Tetragon writes the one and Elasticsearch's date_nanos holds the other."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

SECOND: Final = 1_000_000_000
NO_TIME: Final = "0001-01-01T00:00:00Z"  # Go's zero
LATEST: Final = 2**63 - 1  # 2262-04-11, where date_nanos ends; it begins in 1970

_SCALE: Final = [10 ** (9 - digits) for digits in range(10)]

_FORM: Final = re.compile(r"(.{19})(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))", re.ASCII)
_SECONDS: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)


# A process's start comes with each of its events, and an exit's time is its event's.
@lru_cache(maxsize=8192)
def nanoseconds(text: str) -> int | None:
    """None unless `text` is RFC 3339 and between 1970 and 2262; digits beyond the ninth are cut off."""
    if len(text) == 30 and text[19] == "." and text[29] == "Z":
        fraction = text[20:29]
        if fraction.isdecimal() and fraction.isascii():
            seconds = _seconds(text[:19])
            return None if seconds is None else seconds + int(fraction)
    return _any_form(text)


def canonical(text: str, time: int) -> str:
    """`rfc3339(time)`, where `text` is what `time` was read from and mostly the same already."""
    if len(text) == 30 and text[10] == "T" and text[29] == "Z":
        return text
    return rfc3339(time)


def rfc3339(time: int) -> str:
    """In UTC, with 0, 3, 6 or 9 digits of fraction, like protobuf's JSON."""
    seconds, fraction = divmod(time, SECOND)
    if not fraction:
        return _text(seconds) + "Z"
    digits = f"{fraction:09d}"
    if digits.endswith("000"):
        digits = digits[:3] if digits.endswith("000000") else digits[:6]
    return f"{_text(seconds)}.{digits}Z"


def _any_form(text: str) -> int | None:
    matched = _FORM.fullmatch(text)
    if matched is None:
        return None
    time = _seconds(matched[1])
    if time is None:
        return None
    fraction = (matched[2] or "")[:9]
    time += int(fraction or 0) * _SCALE[len(fraction)]
    if matched[3] is not None:
        hours, minutes = int(matched[4]), int(matched[5])
        if hours > 23 or minutes > 59:
            return None
        ahead = (hours * 3600 + minutes * 60) * SECOND
        time -= ahead if matched[3] == "+" else -ahead
    return time if 0 <= time <= LATEST else None


# Events come in the order of time: the same second comes again and again.
@lru_cache(maxsize=4096)
def _seconds(text: str) -> int | None:
    if _SECONDS.fullmatch(text) is None:
        return None
    try:
        seconds = int(datetime.fromisoformat(text.upper().replace(" ", "T")).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None
    return seconds * SECOND if 0 <= seconds < LATEST // SECOND else None


@lru_cache(maxsize=4096)
def _text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
