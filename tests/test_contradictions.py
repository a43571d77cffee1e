"""Settings that together cannot be meant stop every command with a sentence, and none of it is a secret."""

import pytest

from app.errors import SettingsError
from app.settings import PREFIX, read_settings

SECRET = "hunter2"
USER = {"KAFKA_USERNAME": "u", "KAFKA_PASSWORD": SECRET}
BASIC = {"ELASTICSEARCH_USERNAME": "u", "ELASTICSEARCH_PASSWORD": SECRET}
KEY = {"ELASTICSEARCH_API_KEY": SECRET}


def refused(given: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as error:
        read_settings({PREFIX + name: value for name, value in given.items()})
    return str(error.value)


@pytest.mark.parametrize(
    ("given", "told", "expected"),
    [
        *(
            ({"KAFKA": value}, f"TETRASTASH_KAFKA has {bad!r} in it", "servers like")
            for value, bad in (
                ("", ""),
                ("localhost", "localhost"),
                ("localhost:kafka", "localhost:kafka"),
                (":9092", ":9092"),
                ("a:9092,", ""),
                ("a:99999", "a:99999"),
                ("kafka://a:9092", "kafka://a:9092"),
            )
        ),
        ({"KAFKA_SECURITY": "SASL_SSL"}, "KAFKA_SECURITY has value 'SASL_SSL', and no user", "KAFKA_USERNAME and"),
        ({"KAFKA_SECURITY": "SASL_PLAINTEXT", "KAFKA_USERNAME": "u"}, "TETRASTASH_KAFKA_USERNAME alone", "_PASSWORD"),
        ({"KAFKA_SECURITY": "SASL_SSL", "KAFKA_PASSWORD": SECRET}, "TETRASTASH_KAFKA_PASSWORD alone", "_USERNAME"),
        (USER, "TETRASTASH_KAFKA_USERNAME and TETRASTASH_KAFKA_PASSWORD given, and", "SASL_SSL, or"),
        (USER | {"KAFKA_SECURITY": "SSL"}, "has value 'SSL', which shows Kafka no user", "SASL_SSL, or"),
        ({"KAFKA_CA": "/ca.pem"}, "TETRASTASH_KAFKA_CA given, and", "SSL or SASL_SSL"),
        ({"KAFKA_CERT": "/c.pem", "KAFKA_KEY": "/k.pem"}, "KAFKA_CERT and TETRASTASH_KAFKA_KEY given", "SSL or"),
        (USER | {"KAFKA_SECURITY": "SASL_PLAINTEXT", "KAFKA_CA": "/ca.pem"}, "which is without TLS", "SASL_SSL"),
        ({"KAFKA_SECURITY": "SSL", "KAFKA_KEY": "/k.pem"}, "a key alone shows nothing", "both"),
        ({"ELASTICSEARCH_USERNAME": "u"}, "TETRASTASH_ELASTICSEARCH_USERNAME alone", "_PASSWORD"),
        ({"ELASTICSEARCH_PASSWORD": SECRET}, "TETRASTASH_ELASTICSEARCH_PASSWORD alone", "_USERNAME"),
        (
            BASIC | KEY,
            "TETRASTASH_ELASTICSEARCH_API_KEY given, and TETRASTASH_ELASTICSEARCH_USERNAME and",
            "the key, or",
        ),
        ({"ELASTICSEARCH_CA": "/ca.pem"}, "'http://localhost:9200', which is without TLS", "https"),
        ({"ELASTICSEARCH": "https://a:9200,http://b:9200"}, "some of it with TLS and some without", "one or the other"),
        ({"ELASTICSEARCH": "elasticsearch:9200"}, "has 'elasticsearch:9200' in it", "URLs like https://"),
        ({"ELASTICSEARCH": "localhost"}, "has 'localhost' in it", "URLs like https://"),
        ({"ELASTICSEARCH": ""}, "has '' in it", "URLs like https://"),
        ({"ELASTICSEARCH": "http://a:9200,"}, "has '' in it", "URLs like https://"),
        ({"ELASTICSEARCH": "https://a:port"}, "has 'https://a:port' in it", "URLs like https://"),
        ({"ELASTICSEARCH": "https://a:99999"}, "has 'https://a:99999' in it", "URLs like https://"),
        ({"ELASTICSEARCH": "https://[::1"}, "has 'https://[::1' in it", "URLs like https://"),
        ({"ELASTICSEARCH": "https://a/?pretty"}, "has 'https://a/?pretty' in it", "URLs like https://"),
        ({"ELASTICSEARCH": f"https://u:{SECRET}@a:9200"}, "has a user in a URL", "URLs like https://"),
        ({"ELASTICSEARCH": f"u:{SECRET}@a:9200"}, "has a user in a URL", "URLs like https://"),
        ({"ELASTICSEARCH": f"https://u:hunter2@x@a:port/{SECRET}"}, "has a user in a URL", "URLs like https://"),
    ],
)
def test_a_contradiction_is_told_with_what_was_expected(given: dict[str, str], told: str, expected: str) -> None:
    sentence = refused(given)

    before, _, after = sentence.partition(" Expected ")
    assert told in before
    assert expected in after
    assert SECRET not in sentence


def test_every_contradiction_is_told_at_once() -> None:
    assert refused(USER | {"KAFKA_CA": "/ca.pem"} | BASIC | KEY).count(" Expected ") == 3


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"KAFKA_SECURITY": "SSL"},
        {"KAFKA_SECURITY": "SSL", "KAFKA_CERT": "/both.pem"},
        {"KAFKA_SECURITY": "SSL", "KAFKA_CA": "/ca.pem", "KAFKA_CERT": "/c.pem", "KAFKA_KEY": "/k.pem"},
        USER | {"KAFKA_SECURITY": "SASL_SSL", "KAFKA_CA": "/ca.pem", "KAFKA_CERT": "/c.pem", "KAFKA_KEY": "/k.pem"},
        USER | {"KAFKA_SECURITY": "SASL_PLAINTEXT", "KAFKA_SASL_MECHANISM": "PLAIN"},
        BASIC,
        KEY | {"ELASTICSEARCH": "https://a:9200, https://b:9200/prefix", "ELASTICSEARCH_CA": "/ca.pem"},
        BASIC | {"ELASTICSEARCH": "https://[::1]:9200"},
    ],
)
def test_what_can_be_meant_is_taken(given: dict[str, str]) -> None:
    read_settings({PREFIX + name: value for name, value in given.items()})
