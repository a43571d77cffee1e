"""Filebeat in the place of our shipper, as its documentation advises against loss.

It notes what Kafka has acknowledged, and tries without end. Files go by their inode: a fingerprint would leave out
files that are shorter than it (1,024 bytes, or 64 at the least), and mix up those that begin alike. Packed backups can
be read by fingerprint only, so they are not.
"""

from collections.abc import Sequence
from typing import Final

import yaml

from tests.rotate.place import Place

PROGRAM: Final = "filebeat"


def command(place: Place) -> Sequence[str]:
    configuration = place.folder / "filebeat.yml"
    settings = {
        "filebeat.inputs": [
            {
                "type": "filestream",
                "id": "rotate",
                "paths": list(place.patterns),
                "file_identity.native": None,
                "prospector.scanner.fingerprint.enabled": False,
                "prospector.scanner.check_interval": "1s",
                "close.on_state_change.removed": False,
                "close.on_state_change.renamed": False,
            }
        ],
        "filebeat.registry.flush": "0s",
        "output.kafka": {
            "hosts": [place.kafka],
            "topic": place.topic,
            "required_acks": -1,
            "codec.format.string": "%{[message]}",
        },
        "logging.level": "warning",
    }
    configuration.write_text(yaml.safe_dump(settings), "utf-8")
    return [PROGRAM, "-e", "--strict.perms=false", "--path.home", str(place.folder), "-c", str(configuration)]
