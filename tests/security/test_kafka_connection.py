"""Every way to be let in by Kafka, and what is told of one that fails."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import SecretStr

from app.kafka.reach import try_servers
from app.kafka.topic_ids import describe
from app.settings import Settings
from tests.security.conftest import PLAIN_USERS, SCRAM_PASSWORD, SCRAM_USER
from tests.security.secured import LISTENERS, MECHANISMS, Secured, write_authority, write_client

pytestmark = pytest.mark.integration

CLOSING_SECONDS = 0.2  # aiokafka does not wait for a connection that it gave up


def passwords(mechanism: str) -> dict[str, Any]:
    [(user, password)] = PLAIN_USERS.items() if mechanism == "PLAIN" else [(SCRAM_USER, SCRAM_PASSWORD)]
    return {
        "kafka_sasl_mechanism": mechanism,
        "kafka_username": user,
        "kafka_password": SecretStr(password),
    }


def settings(secured: Secured, listener: str, folder: Path, **changes: Any) -> Settings:
    """Of a user who is let in, but for `changes`."""
    protocol = LISTENERS[listener]
    given: dict[str, Any] = {"kafka": secured.addresses[listener], "kafka_security": protocol}
    if protocol.endswith("SSL"):
        given["kafka_ca"] = write_authority(secured.authority, folder)
    if listener == "MTLS":
        given["kafka_cert"], given["kafka_key"] = write_client(secured.authority, folder, "certified")
    if protocol.startswith("SASL"):
        given |= passwords("SCRAM-SHA-512")
    return Settings.model_validate({**given, **changes})


async def why(given: Settings) -> str:
    [reason] = (await try_servers(given, 10)).values()
    await asyncio.sleep(CLOSING_SECONDS)
    return reason


@pytest.mark.parametrize("listener", ["TLS", "MTLS"])
async def test_a_certificate_is_believed_and_shown(secured: Secured, tmp_path: Path, listener: str) -> None:
    given = settings(secured, listener, tmp_path)
    assert await why(given) == ""
    assert (await describe(given, ["none"])).brokers == 1


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("listener", ["SASL_PLAINTEXT", "SASL_SSL"])
async def test_a_password_is_shown_in_each_way_and_in_no_log(
    secured: Secured, tmp_path: Path, caplog: pytest.LogCaptureFixture, listener: str, mechanism: str
) -> None:
    caplog.set_level(logging.DEBUG)
    given = settings(secured, listener, tmp_path, **passwords(mechanism))
    assert await why(given) == ""
    assert (await describe(given, ["none"])).brokers == 1
    assert "canary" not in caplog.text


async def test_a_name_is_verified_as_an_address_is(secured: Secured, tmp_path: Path) -> None:
    by_name = secured.addresses["TLS"].replace("127.0.0.1", "localhost")
    assert await why(settings(secured, "TLS", tmp_path, kafka=by_name)) == ""


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize(("name", "value"), [("kafka_password", "wrong-canary"), ("kafka_username", "stranger")])
async def test_a_stranger_is_refused_and_told_so(
    secured: Secured, tmp_path: Path, mechanism: str, name: str, value: str
) -> None:
    given = settings(secured, "SASL_SSL", tmp_path, **(passwords(mechanism) | {name: value}))
    reason = await why(given)
    assert f"refuses user {given.kafka_username!r}" in reason
    assert "Expected TETRASTASH_KAFKA_USERNAME and TETRASTASH_KAFKA_PASSWORD as the broker knows them." in reason
    assert "canary" not in reason


@pytest.mark.parametrize(
    ("listener", "changes", "told"),
    [
        ("SASL_SSL", {"kafka_security": "SASL_PLAINTEXT", "kafka_ca": None}, "speaks SASL_PLAINTEXT"),
        ("SASL_PLAINTEXT", {"kafka_security": "SASL_SSL"}, "speaks SASL_SSL"),
        ("TLS", {"kafka_security": "PLAINTEXT", "kafka_ca": None}, "speaks PLAINTEXT"),
        ("SASL_SSL", {"kafka_security": "SSL"}, "speaks SSL"),
        ("MTLS", {"kafka_cert": None, "kafka_key": None}, "TETRASTASH_KAFKA_CERT"),
    ],
)
async def test_another_protocol_than_the_listeners_is_told(
    secured: Secured, tmp_path: Path, listener: str, changes: dict[str, Any], told: str
) -> None:
    reason = await why(settings(secured, listener, tmp_path, **changes))
    assert told in reason
    assert "TETRASTASH_KAFKA" in reason


@pytest.mark.parametrize("ca", ["another", "the system's"])
async def test_a_broker_of_another_authority_is_not_believed(secured: Secured, tmp_path: Path, ca: str) -> None:
    given = settings(secured, "SASL_SSL", tmp_path)
    other = write_authority(trustme.CA(), tmp_path) if ca == "another" else None
    given = given.model_copy(update={"kafka_ca": other})
    reason = await why(given)
    assert reason.startswith(f"TLS with Kafka at {given.kafka!r} fails: ")
    assert f"Expected TETRASTASH_KAFKA_CA={str(other) if other else None!r} to hold the authority" in reason


async def test_a_broker_with_anothers_name_is_not_believed(secured: Secured, tmp_path: Path) -> None:
    reason = await why(settings(secured, "ELSEWHERE", tmp_path))
    assert "Expected the host in TETRASTASH_KAFKA to be one that its certificate names." in reason


async def test_a_client_of_another_authority_is_refused_and_told_so(secured: Secured, tmp_path: Path) -> None:
    certificate, key = write_client(trustme.CA(), tmp_path, "stranger")
    reason = await why(settings(secured, "MTLS", tmp_path, kafka_cert=certificate, kafka_key=key))
    assert "TETRASTASH_KAFKA_CERT" in reason
