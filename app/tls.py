"""TLS contexts: whom to believe, and what to show."""

import ssl
from pathlib import Path
from typing import NoReturn

from app.errors import SettingsError


def verifying(peer: str, variable: str, authority: Path | None) -> ssl.SSLContext:
    """Takes a certificate only if it names the host or the IP address that was called, and `authority` signed it:
    that one alone, or the system's where it is None. Raises SettingsError; `variable` is the setting's."""
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise SettingsError(
            f"TLS with {peer} cannot be set up from {variable}={str(authority)!r}: {_reason(error)}. Expected a PEM "
            "file with certificates, that this user may read."
        ) from error


def show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """To a server that asks for one. Raises SettingsError."""
    given = f"TETRASTASH_KAFKA_CERT={str(certificate)!r} and TETRASTASH_KAFKA_KEY={str(key) if key else None!r}"

    def ask() -> NoReturn:  # nobody sits there who could answer
        raise SettingsError(f"TLS with Kafka: {given} have a key with a pass phrase. Expected a key without one.")

    try:
        context.load_cert_chain(certificate, key, password=ask)
    except OSError as error:
        raise SettingsError(
            f"TLS with Kafka cannot be set up from {given}: {_reason(error)}. Expected PEM files of a certificate and "
            "its private key, that this user may read."
        ) from error


def _reason(error: OSError) -> str:
    if not isinstance(error, ssl.SSLError):
        return error.strerror or str(error)
    return "the key is not the certificate's" if error.reason == "KEY_VALUES_MISMATCH" else "no PEM in it can be read"
