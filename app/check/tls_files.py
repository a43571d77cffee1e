"""Whether the PEM files of the settings can be used, now and in the next days."""

import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from app.check.certificates import validities
from app.check.finding import Finding, failed, ok, warning
from app.settings import PREFIX, Settings
from app.tls import load_pair

SOON: Final = timedelta(days=14)

_CERTIFICATES: Final = ("kafka_ca", "kafka_cert", "elasticsearch_ca")
_CHECK: Final = "certificates"


def tls_findings(settings: Settings, now: datetime) -> Iterator[Finding]:
    sound = True
    for name in _CERTIFICATES:
        file = getattr(settings, name)
        if file is not None:
            finding = _certificates(f"{PREFIX}{name.upper()}={str(file)!r}", file, now)
            sound = sound and finding.status != "failed"
            yield finding
    if settings.kafka_cert is not None and sound:
        yield _pair(settings.kafka_cert, settings.kafka_key)


def _certificates(setting: str, file: Path, now: datetime) -> Finding:
    try:
        found = validities(file.read_bytes())
    except OSError as error:
        return failed(
            _CHECK, f"{setting} cannot be read: {error.strerror}.", "Expected a PEM file that this user may read."
        )
    except ValueError as error:
        return failed(_CHECK, f"{setting} is of no use: {error}.", "Expected a file with certificates in PEM.")
    ends = min(each.ends for each in found)
    begins = max(each.begins for each in found)
    if ends <= now:
        return failed(_CHECK, f"{setting} holds a certificate that expired on {ends:%Y-%m-%d}.", "Renew it.")
    if begins > now:
        return failed(
            _CHECK, f"{setting} holds a certificate that is not valid before {begins:%Y-%m-%d}.", "Look at the clock."
        )
    if ends - now < SOON:
        return warning(_CHECK, f"{setting} holds a certificate that expires on {ends:%Y-%m-%d}.", "Renew it before.")
    return ok(_CHECK, f"{setting} is valid until {ends:%Y-%m-%d}")


def _pair(certificate: Path, key: Path | None) -> Finding:
    where = f"{PREFIX}KAFKA_KEY={str(key)!r}" if key is not None else f"{PREFIX}KAFKA_CERT={str(certificate)!r}"
    reason = load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate, key)
    if reason is None:
        return ok(_CHECK, f"{where} is the key of {PREFIX}KAFKA_CERT")
    expected = "Expected the private key of the certificate in PEM, without a pass phrase, that this user may read."
    return failed(_CHECK, f"{where} is of no use: {reason}.", expected)
