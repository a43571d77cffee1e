"""How grave a sign is by whom it is of."""

import pytest
from msgspec import Raw

from schemas.actor import Actor
from schemas.escape.rules import RULES
from schemas.escape.signs import STREAM, Sign
from schemas.escape.verdict import Doer, judge
from schemas.lineage import Above, Execution, Lineage
from schemas.tetragon import Process

ACTOR = Actor(program="", contained=True, suspicions=(), packaging=False)


def severity(rule: str, ns: bytes | None, about: str, condition: str = "") -> int:
    process = Process(docker="3e1f", pid=4711, raw_ns=Raw(ns)) if ns is not None else Process(docker="3e1f", pid=4711)
    execution = Execution(binary="/usr/bin/cat", container="3e1f")
    lineage = Lineage(execution, (), Above(), suspect=False, parent_is_previous_image=False)
    by = Doer(process, execution, lineage, ACTOR, runtimes=False, probes=False, own=False)
    found = judge(Sign(rule, RULES[rule].severity, (), about, condition), by, None)
    return found.severity if found is not None else 0


OWN, HOSTS = b'{"pid":{"inum":4026532643}}', b'{"pid":{"inum":4026531836,"is_host":true}}'


@pytest.mark.parametrize(
    ("ns", "about", "of_proc_root", "of_host_prefix"),
    [
        (OWN, "1", 2, 0),  # the container's own first process has the container's own root
        (HOSTS, "1", 4, 4),
        (None, "1", 4, 4),  # not known is not its own
        (OWN, "", 4, 4),  # by /host/proc, which is the host's whatever the container's pids are
        (HOSTS, "4711", 0, 0),  # itself
    ],
)
def test_anothers_root_is_the_hosts_where_its_pids_are(
    ns: bytes | None, about: str, of_proc_root: int, of_host_prefix: int
) -> None:
    assert severity("proc_root", ns, about) == of_proc_root
    assert severity("host_prefix", ns, about) == of_host_prefix


def test_a_stream_of_the_first_process_is_nothing_unless_it_is_the_hosts() -> None:
    assert severity("proc_root", OWN, "1", STREAM) == 0
    assert severity("proc_root", None, "1", STREAM) == 0
    assert severity("proc_root", HOSTS, "1", STREAM) == 4
    assert severity("proc_root", OWN, "", STREAM) == 4
