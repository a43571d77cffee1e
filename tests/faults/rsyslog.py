"""rsyslog in the place of shipper, Kafka and workers, set up so that it loses as little as it can.

Every line is kept on disk from when it is read until it is stored, synchronously; what Elasticsearch refuses is sent
again without end; the id is a hash of the line, and documents are created, so that within an index nothing is twice.
"""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

PROGRAM: Final = "rsyslogd"

_CONFIGURATION: Final = """\
global(workDirectory="%(state)s" maxMessageSize="64k" parser.escapeControlCharactersOnReceive="off")
module(load="imfile" mode="inotify")
module(load="omelasticsearch")
module(load="fmhash")
main_queue(queue.type="Direct")

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
input(type="imfile" file="%(logs)s/*.log" tag="tetragon" ruleset="send" persistStateInterval="1" freshStartTail="off"
    reopenOnTruncate="on")
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
    state = folder / "state"
    state.mkdir()
    url = urlsplit(elasticsearch)
    place = {"host": url.hostname, "port": url.port, "stream": stream, "errors": folder / "errors.json"}
    configuration = folder / "rsyslog.conf"
    text = _CONFIGURATION % {"state": state, "logs": logs, "elasticsearch": _ELASTICSEARCH % place, "queue": _QUEUE}
    configuration.write_text(text, "utf-8")
    return [PROGRAM, "-n", "-f", str(configuration), "-i", str(folder / "pid")]
