"""When certificates begin and end to be valid, read from PEM files."""

import ssl
from datetime import UTC, datetime
from typing import Final, NamedTuple

_BEGIN: Final = "-----BEGIN CERTIFICATE-----"
_END: Final = "-----END CERTIFICATE-----"

_INTEGER: Final = 0x02
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0


class Validity(NamedTuple):
    begins: datetime
    ends: datetime


def validities(pem: bytes) -> list[Validity]:
    """Of every certificate in the file. Raises ValueError for a file without one, and for what is none."""
    text = pem.decode("ascii", "replace")
    parts = text.split(_BEGIN)[1:]
    if not parts:
        raise ValueError("it holds no PEM certificate")
    return [_validity(_der(part)) for part in parts]


def _der(part: str) -> bytes:
    body, end, _ = part.partition(_END)
    if not end:
        raise ValueError("a certificate in it has no end")
    try:
        return ssl.PEM_cert_to_DER_cert(f"{_BEGIN}{body}{_END}\n")
    except ValueError as error:
        raise ValueError(f"a certificate in it cannot be read: {error}") from None


def _validity(der: bytes) -> Validity:
    """X.509: a certificate begins with version, serial number, algorithm, issuer and validity."""
    try:
        certificate, _ = _element(der, _SEQUENCE)
        rest, _ = _element(certificate, _SEQUENCE)
        if rest[0] == _VERSION:
            _, rest = _element(rest, _VERSION)
        for tag in (_INTEGER, _SEQUENCE, _SEQUENCE):
            _, rest = _element(rest, tag)
        times, _ = _element(rest, _SEQUENCE)
        begins, times = _time(times)
        ends, _ = _time(times)
    except (IndexError, ValueError) as error:
        raise ValueError(f"a certificate in it cannot be read: {error}") from None
    return Validity(begins, ends)


def _element(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the first element, and what is behind it."""
    if der[0] != tag:
        raise ValueError(f"tag {der[0]:#x} where {tag:#x} was expected")
    length, start = der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    if start + length > len(der):
        raise ValueError("it is cut off")
    return der[start : start + length], der[start + length :]


def _time(der: bytes) -> tuple[datetime, bytes]:
    tag = der[0] if der[0] == _GENERALIZED_TIME else _UTC_TIME
    content, rest = _element(der, tag)
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        text = f"{'19' if text[:2] >= '50' else '20'}{text}"
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC), rest
