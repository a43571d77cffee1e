"""Vector in the place of our shipper, as its documentation advises against loss.

With acknowledgements it notes how far it is only when Kafka has the lines. Files go by their inode: a checksum of the
first line would mix up those that begin alike.
"""

import json
from collections.abc import Sequence
from typing import Final

from tests.rotate.place import Place

PROGRAM: Final = "vector"


def command(place: Place) -> Sequence[str]:
    data = place.folder / "data"
    data.mkdir()
    configuration = place.folder / "vector.json"
    settings = {
        "data_dir": str(data),
        "acknowledgements": {"enabled": True},
        "sources": {
            "logs": {
                "type": "file",
                "include": list(place.patterns),
                "read_from": "beginning",
                "fingerprint": {"strategy": "device_and_inode"},
                "glob_minimum_cooldown_ms": 1000,
            }
        },
        "sinks": {
            "topic": {
                "type": "kafka",
                "inputs": ["logs"],
                "bootstrap_servers": place.kafka,
                "topic": place.topic,
                "encoding": {"codec": "text"},
                "librdkafka_options": {"acks": "all"},
            }
        },
    }
    configuration.write_text(json.dumps(settings, indent=1), "utf-8")
    return [PROGRAM, "--quiet", "--config", str(configuration)]
