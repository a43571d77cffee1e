"""What container runtimes put around each line of a log, and how they cut a long one.

containerd and CRI-O write `<time> <stream> <F|P> <text>`, P for a part that another follows; Docker writes
`{"log":"<text>\\n","stream":"stdout","time":"…"}`, where the text of a part has no line end. Both cut at 16 KiB.
"""

import re
from typing import Final

import msgspec

CRI: Final = re.compile(
    rb"(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ ]+) (?P<stream>stdout|stderr) (?P<tag>[FP])(?::[^ ]*)? "
)
DOCKER: Final = b'{"log":"'
_AFTER_LOG: Final = b'","stream":"'
_TAIL_BYTES: Final = 512  # that hold all behind the text, labels and attributes not counted


class _Docker(msgspec.Struct):
    log: str


_docker: Final = msgspec.json.Decoder(_Docker)


def may_hold_parts(value: bytes) -> bool:
    """Of lines of one file, by the first."""
    return value[:1].isdigit() or value.startswith(DOCKER)


def is_part(line: bytes) -> bool:
    """Whether the rest of it stands in a later line; `line` has no line end."""
    if line.startswith(DOCKER):
        end = _end_of_log(line)
        return end >= 0 and not line.endswith(b"\\n", 0, end)
    matched = CRI.match(line)
    return matched is not None and matched["tag"] == b"P"


def stream_of(line: bytes) -> bytes:
    """Of a line in an envelope; empty for others. The parts of one stream follow each other, those of two do not."""
    if line.startswith(DOCKER):
        end = _end_of_log(line)
        start = end + len(_AFTER_LOG)
        return line[start : line.find(b'"', start)] if end >= 0 else b""
    matched = CRI.match(line)
    return matched["stream"] if matched is not None else b""


def text_of(line: bytes) -> bytes:
    """Of a line in an envelope, what was written into it; else the line."""
    if line.startswith(DOCKER):
        try:
            return _docker.decode(line).log.removesuffix("\n").encode()
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return line
    return line[_length_of_prefix(line) :]


def join(parts: list[bytes]) -> bytes:
    """One envelope, the last one's, around what all of them hold; all are of one stream."""
    last = parts[-1]
    if last.startswith(DOCKER):
        # What lies between the quotes is JSON's own text, and as such may be put together.
        texts = [part[len(DOCKER) : _end_of_log(part)] for part in parts]
        return DOCKER + b"".join(texts) + last[_end_of_log(last) :]
    matched = CRI.match(last)
    assert matched is not None
    return last[: matched.end()] + b"".join(part[_length_of_prefix(part) :] for part in parts)


def _length_of_prefix(line: bytes) -> int:
    matched = CRI.match(line)
    return matched.end() if matched is not None else 0


def _end_of_log(line: bytes) -> int:
    # From the end: an event may hold anything, but not a quote without a backslash.
    return line.rfind(_AFTER_LOG, max(len(line) - _TAIL_BYTES, 0))
