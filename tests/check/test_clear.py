"""A secret that anybody on the way could read is told of."""

from typing import Any

import pytest
from pydantic import SecretStr

from app.check.clear import clear_findings
from app.settings import Settings

PLAIN = {"kafka_security": "SASL_PLAINTEXT", "kafka_sasl_mechanism": "PLAIN", "kafka_username": "u"}
SECRET = SecretStr("hunter2")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, []),
        (PLAIN | {"kafka": "kafka:9092"}, ["kafka"]),
        (PLAIN | {"kafka": "localhost:9092,kafka:9092"}, ["kafka"]),
        (PLAIN | {"kafka": "127.0.0.1:9092,[::1]:9092,localhost:9092"}, []),
        (PLAIN | {"kafka": "kafka:9092", "kafka_sasl_mechanism": "SCRAM-SHA-256"}, []),
        (PLAIN | {"kafka": "kafka:9092", "kafka_security": "SASL_SSL"}, []),
        ({"elasticsearch": "http://es:9200"}, []),
        ({"elasticsearch": "http://es:9200", "elasticsearch_password": SECRET}, ["elasticsearch"]),
        ({"elasticsearch": "http://127.0.0.1:9200, http://es", "elasticsearch_api_key": SECRET}, ["elasticsearch"]),
        ({"elasticsearch": "http://[::1]:9200", "elasticsearch_api_key": SECRET}, []),
        ({"elasticsearch": "https://es:9200", "elasticsearch_api_key": SECRET}, []),
    ],
)
def test_what_goes_in_the_clear_is_told_unless_it_stays_here(given: dict[str, Any], told: list[str]) -> None:
    found = list(clear_findings(Settings.model_validate(given)))
    assert [finding.check for finding in found] == told
    assert all(finding.status == "warning" and "hunter2" not in finding.text for finding in found)
