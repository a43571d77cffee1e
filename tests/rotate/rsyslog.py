"""rsyslog in the place of our shipper, set up so that it loses as little as it can.

No queue lies between a file and the output: what is read is handed over at once, and only then is it noted how far the
file was read (`persistStateAfterSubmission`; an interval would have it noted before). The pattern finds what a log is
renamed to, so that it is read to its end after a restart, too; how far it was read is known by its inode.

Into a topic it writes by way of a client that keeps records in memory until Kafka has them, and nobody waits for that.
Into a file it writes at once.
"""

from collections.abc import Sequence
from typing import Final

from tests.faults.rsyslog import following, started_with
from tests.rotate.place import Place

_TEMPLATES: Final = """\
template(name="record" type="string" string="%msg%")
template(name="line" type="string" string="%msg%\\n")
"""
_TOPIC: Final = """\
module(load="omkafka")
ruleset(name="send" queue.type="Direct") {{
    action(type="omkafka" broker="{kafka}" topic="{topic}" partitions.auto="on" template="record"
        confParam=["acks=all", "linger.ms=0", "message.timeout.ms=300000"]
        resubmitOnFailure="on" keepFailedMessages="on" failedMsgFile="{folder}/state/failed" closeTimeout="5000"
        action.resumeRetryCount="-1" action.resumeInterval="1" action.resumeIntervalMax="5")
}}
"""
_FILE: Final = """\
ruleset(name="send" queue.type="Direct") {{
    action(type="omfile" file="{out}" template="line" action.resumeRetryCount="-1")
}}
"""


def into_topic(place: Place) -> Sequence[str]:
    return _command(place, _TOPIC)


def into_file(place: Place) -> Sequence[str]:
    return _command(place, _FILE)


def _command(place: Place, output: str) -> Sequence[str]:
    text = (_TEMPLATES + output).format(**place._asdict())
    inputs = (following(pattern, 'persistStateAfterSubmission="on"') for pattern in place.patterns)
    return started_with(place.folder, text + "".join(inputs))
