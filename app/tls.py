"""TLS contexts: whom to believe, and what to show."""

import re
import ssl
from pathlib import Path
from typing import Final, NoReturn

from app.errors import SettingsError

_VERIFICATION: Final = re.compile(r"certificate verify failed: (.+?)(?: \(_ssl\.c|$)")


def verifying(peer: str, variable: str, authority: Path | None) -> ssl.SSLContext:
    """Takes a certificate only if it names the host or the IP address that was called, and `authority` signed it:
    that one alone, or the system's where it is None. Raises SettingsError; `variable` is the setting's."""
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:
        reason = "no PEM in it can be read" if isinstance(error, ssl.SSLError) else error.strerror
        raise SettingsError(
            f"TLS with {peer} cannot be set up from {variable}={str(authority)!r}: {reason}. Expected a PEM file with "
            "certificates, that this user may read."
        ) from error


def show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """To a server that asks for one. Raises SettingsError."""
    if reason := load_pair(context, certificate, key):
        given = f"TETRASTASH_KAFKA_CERT={str(certificate)!r} and TETRASTASH_KAFKA_KEY={str(key) if key else None!r}"
        raise SettingsError(
            f"TLS with Kafka cannot be set up from {given}: {reason}. Expected PEM files of a certificate and its "
            "private key, without a pass phrase, that this user may read."
        )


def load_pair(context: ssl.SSLContext, certificate: Path, key: Path | None) -> str | None:
    """Why they are of no use, None once they are loaded; without a key of its own it is in the certificate's file."""
    try:
        context.load_cert_chain(certificate, key, password=_refuse_to_be_asked)
    except _Encrypted:
        return "it has a key with a pass phrase"
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return "its key is not the one of the certificate"
        return f"no private key can be read ({error})"
    except OSError as error:
        return error.strerror or str(error)
    return None


class _Encrypted(Exception):
    pass


def _refuse_to_be_asked() -> NoReturn:
    """Nobody sits there who could answer."""
    raise _Encrypted


def why_not_believed(words: str, variable: str, authority: Path | None) -> str | None:
    """Of a peer at the address in `variable`: the reason, and what was expected, out of OpenSSL's words; None when they
    are about something else."""
    refused = _VERIFICATION.search(words)
    if refused is None:
        return None
    reason = refused[1].rstrip(".")
    if "expired" in reason or "not yet valid" in reason:
        return f"{reason}. Expected a certificate that is valid today: renew that one, or look at the clock."
    if "mismatch" in reason:
        return f"{reason}. Expected the host in {variable} to be one that its certificate names."
    given = str(authority) if authority is not None else None
    return f"{reason}. Expected {variable}_CA={given!r} to hold the authority that signed its certificate."
