"""Fluent Bit in the place of our shipper, as its documentation advises against loss.

Offsets are in a database that is synchronised after every write and go by inode, chunks wait in files, nothing is given
up, and a file that was renamed is found by the pattern. Offsets are noted when a line is in a chunk.
"""

from collections.abc import Sequence
from typing import Final

from tests.rotate.place import Place

PROGRAM: Final = "fluent-bit"

_CONFIGURATION: Final = """\
[SERVICE]
    flush              1
    log_level          warn
    storage.path       {folder}/chunks
    storage.sync       full
    storage.checksum   on

[INPUT]
    name               tail
    path               {paths}
    db                 {folder}/offsets.db
    db.sync            full
    db.locking         true
    read_from_head     true
    refresh_interval   1
    rotate_wait        60
    buffer_max_size    1M
    key                log
    storage.type       filesystem

[OUTPUT]
    name               kafka
    match              *
    brokers            {kafka}
    topics             {topic}
    format             raw
    raw_log_key        log
    retry_limit        no_limits
    queue_full_retries 0
    rdkafka.request.required.acks -1
"""


def command(place: Place) -> Sequence[str]:
    configuration = place.folder / "fluent-bit.conf"
    configuration.write_text(_CONFIGURATION.format(paths=",".join(place.patterns), **place._asdict()), "utf-8")
    return [PROGRAM, "-c", str(configuration)]
