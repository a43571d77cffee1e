"""Real certificates, of an authority that lives for one test."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from app.check.certificates import validities
from app.check.finding import Finding
from app.check.tls_files import tls_findings
from app.settings import Settings

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def certificate(authority: trustme.CA, folder: Path, begins: datetime, ends: datetime) -> tuple[Path, Path]:
    issued = authority.issue_cert("client", not_before=begins, not_after=ends)
    cert, key = folder / "cert.pem", folder / "key.pem"
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    return cert, key


def found(**given: object) -> list[Finding]:
    return list(tls_findings(Settings.model_validate(given), NOW))


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        (datetime(2020, 2, 29, 23, 59, 59, tzinfo=UTC), datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (datetime(1999, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)),  # the one has two digits, the other four
    ],
)
def test_begin_and_end_are_as_they_were_issued(begins: datetime, ends: datetime) -> None:
    pem = trustme.CA().issue_cert("a", not_before=begins, not_after=ends).cert_chain_pems[0].bytes()
    assert validities(b"# a comment\n" + pem + pem) == [(begins, ends)] * 2


def test_a_certificate_that_is_cut_off_is_refused_wherever_it_is_cut() -> None:
    pem = trustme.CA().cert_pem.bytes()
    for length in range(0, len(pem) - len("-----END CERTIFICATE-----\n") + 1, 7):
        with pytest.raises(ValueError, match=r"it holds no PEM certificate|has no end"):
            validities(pem[:length])


@pytest.mark.parametrize("body", ["", "AAAA", "MAA=", "MIIB", "not base64!", "MAYCAQEwAQ=="])
def test_what_is_no_certificate_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match="certificate"):
        validities(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n".encode())


@pytest.mark.parametrize(
    ("begins", "ends", "status", "text"),
    [
        (NOW - DAY, NOW + 365 * DAY, "ok", "is valid until 2027-01-05"),
        (NOW - DAY, NOW + 13 * DAY, "warning", "expires on 2026-01-18"),
        (NOW - 365 * DAY, NOW, "failed", "expired on 2026-01-05"),
        (NOW + DAY, NOW + 365 * DAY, "failed", "not valid before 2026-01-06"),
    ],
)
def test_how_long_a_certificate_is_valid_is_told(
    tmp_path: Path, begins: datetime, ends: datetime, status: str, text: str
) -> None:
    cert, _ = certificate(trustme.CA(), tmp_path, begins, ends)
    [finding] = found(elasticsearch_ca=cert)
    assert finding.status == status
    assert text in finding.text
    assert finding.text.startswith(f"TETRASTASH_ELASTICSEARCH_CA={str(cert)!r}")


def test_files_of_no_use_are_told(tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("hello")
    (tmp_path / "folder.pem").mkdir()
    assert "it holds no PEM certificate" in found(kafka_ca=tmp_path / "text.pem")[0].text
    assert "cannot be read: Is a directory" in found(kafka_ca=tmp_path / "folder.pem")[0].text
    assert "cannot be read: No such file" in found(kafka_ca=tmp_path / "none.pem")[0].text


def test_a_key_is_held_against_its_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    cert, key = certificate(authority, tmp_path, NOW - DAY, NOW + 365 * DAY)
    assert [finding.status for finding in found(kafka_cert=cert, kafka_key=key)] == ["ok", "ok"]
    other = tmp_path / "other.pem"
    authority.issue_cert("other").private_key_pem.write_to_path(other)
    assert "not the one of the certificate" in found(kafka_cert=cert, kafka_key=other)[-1].text
    assert "no private key can be read" in found(kafka_cert=cert)[-1].text


def test_nobody_is_asked_for_a_pass_phrase(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    cert, key = certificate(trustme.CA(), tmp_path, NOW - DAY, NOW + 365 * DAY)
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    finding = found(kafka_cert=cert, kafka_key=key)[-1]
    assert finding.status == "failed"
    assert "a key with a pass phrase" in finding.text
