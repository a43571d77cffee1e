"""rsyslog in the place of shipper, Kafka and workers, set up so that it loses as little as it can.

Every line is kept on disk from when it is read until it is stored, synchronously; what Elasticsearch refuses is sent
again without end; the id is a hash of the line, and documents are created, so that within an index nothing is twice.
"""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

PROGRAM: Final = "rsyslogd"

_HEAD: Final = """\
global(workDirectory="%s" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off")
module(load="imfile" mode="inotify")
main_queue(queue.type="Direct")
"""
_CONFIGURATION: Final = """\
module(load="omelasticsearch")
module(load="fmhash")

template(name="document" type="list" option.jsonf="on") {
    property(outname="@timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
    property(outname="original" name="msg" format="jsonf")
}
template(name="first" type="string" string="%%$.id%%")
template(name="again" type="string" string="%%$.omes!_id%%")

ruleset(name="send_again") {
    action(type="omelasticsearch" %(elasticsearch)s bulkid="again" template="document" %(queue)s.again")
}
ruleset(name="send") {
    set $.id = hash64($msg);
    action(type="omelasticsearch" %(elasticsearch)s bulkid="first" template="document" %(queue)s.first")
}
"""
_ELASTICSEARCH: Final = (
    'server="%(host)s" serverport="%(port)d" searchIndex="%(stream)s" searchType="" bulkmode="on" dynbulkid="on" '
    'writeoperation="create" retryfailures="on" retryruleset="send_again" esVersion.major="8" '
    'errorFile="%(errors)s" action.resumeRetryCount="-1" action.resumeInterval="1" '
    'action.resumeIntervalMax="5"'
)
_QUEUE: Final = (
    'queue.type="Disk" queue.maxDiskSpace="1g" queue.checkpointInterval="1" queue.syncQueueFiles="on" '
    'queue.saveOnShutdown="on" queue.dequeueBatchSize="200" queue.timeoutShutdown="3000" queue.filename="queue'
)


def command(folder: Path, logs: Path, elasticsearch: str, stream: str) -> list[str]:
    """`folder` gets its configuration and state."""
    url = urlsplit(elasticsearch)
    place = {"host": url.hostname, "port": url.port, "stream": stream, "errors": folder / "errors.json"}
    text = _CONFIGURATION % {"elasticsearch": _ELASTICSEARCH % place, "queue": _QUEUE}
    return started_with(folder, text + following(f"{logs}/*.log", 'persistStateInterval="1"'))


def following(pattern: str, persisted: str) -> str:
    """What the pattern finds, from the beginning; `persisted` says when it is noted how far it was read."""
    return (
        f'input(type="imfile" file="{pattern}" tag="tetragon" ruleset="send" {persisted} '
        'freshStartTail="off" reopenOnTruncate="on")\n'
    )


def started_with(folder: Path, configuration: str) -> list[str]:
    """No file with its process id: after a kill it would be in the way. Its state is in `folder/state`."""
    state = folder / "state"
    state.mkdir()
    path = folder / "rsyslog.conf"
    path.write_text(_HEAD % state + configuration, "utf-8")
    return [PROGRAM, "-n", "-f", str(path), "-iNONE"]
