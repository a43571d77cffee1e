"""What is told of a log follows from what was counted in it: a table of logs, and of what each is said to lack."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.check.contents import ENOUGH, FED, MEMBERS, POLICIES, WANTED, content_findings
from app.check.finding import Finding
from app.check.policies import decoded, read_policies
from app.check.seen import ANCESTORS, FIELDS, Seen, count, events_in

TIME = "2026-01-05T12:00:00Z"
PROCESS: Mapping[str, Any] = {
    "exec_id": "bjoxOjE=",
    "pid": 1,
    "uid": 0,
    "binary": "/usr/bin/x",
    "flags": "execve clone",
    "cap": {},
    "ns": {"mnt": {"inum": 1, "is_host": True}},
    "process_credentials": {"uid": 0},
    "user": {"name": "root"},
    "in_init_tree": False,
}
CONTAINER: Mapping[str, Any] = {
    "docker": "0123456789abcdef0123456789abcde",
    "pod": {"namespace": "default", "name": "p"},
}
ANCESTRY = [{"exec_id": "bjoyOjE=", "pid": 1}]


def event(name: str, process: Mapping[str, Any] = PROCESS, **more: Any) -> dict[str, Any]:
    return {name: {"process": process, "ancestors": ANCESTRY, **more}, "node_name": "n", "time": TIME}


def kprobe(function: str, *args: Mapping[str, Any], process: Mapping[str, Any] = PROCESS) -> dict[str, Any]:
    return event("process_kprobe", process, function_name=function, args=args, policy_name="policy")


FILE = {"file_arg": {"path": "/etc/passwd"}}
HOOKS = [
    kprobe("security_file_permission", FILE, {"int_arg": 2}),
    kprobe("security_file_permission", FILE, {"int_arg": 4}),
    kprobe("__sys_setuid", {"int_arg": 0}),
    kprobe("tcp_connect", {"sock_arg": {"family": "AF_INET", "daddr": "192.0.2.1", "dport": 443}}),
    kprobe("tcp_close", {"sock_arg": {"family": "AF_INET", "daddr": "192.0.2.1", "dport": 443}}),
]
EXEC, EXIT = event("process_exec"), event("process_exit")
INSIDE = {**PROCESS, **CONTAINER}
WHOLE = [*[EXEC, EXIT] * ENOUGH, event("process_exec", INSIDE), *HOOKS]


def told(events: Sequence[Mapping[str, Any]], *lines: bytes) -> list[Finding]:
    seen = Seen()
    count(events_in([*(json.dumps(each).encode() for each in events), *lines], seen), seen)
    return list(content_findings(seen, "1 file"))


def without(name: str) -> list[dict[str, Any]]:
    """The whole log, with a member of every process or event less."""

    def cut(body: Mapping[str, Any]) -> dict[str, Any]:
        process = {key: value for key, value in body["process"].items() if key != name}
        return {key: value for key, value in {**body, "process": process}.items() if key != name}

    return [{key: cut(value) if key.startswith("process_") else value for key, value in each.items()} for each in WHOLE]


def problems(findings: Sequence[Finding]) -> list[str]:
    return [finding.text for finding in findings if finding.status != "ok"]


def test_a_log_that_has_everything_is_told_without_a_warning() -> None:
    findings = told(WHOLE)
    assert problems(findings) == []
    assert findings[0].text == (
        f"46 in 1 file, from {TIME} to {TIME}: process_exec 21, process_exit 20, process_kprobe 5"
    )
    assert findings[0].figures["operations"] == dict.fromkeys(("write", "read", "setuid", "connect", "disconnect"), 1)
    assert findings[0].figures["policies"] == {"policy": 5}
    assert "exec_id 100 %, process_credentials 100 %" in findings[1].text
    assert "pod 2 %" in findings[1].text
    assert "; not one environment_variables, binary_properties" in findings[1].text


@pytest.mark.parametrize(
    ("events", "text", "todo"),
    [
        (without("exec_id"), "no exec_id: ancestry and privilege cannot follow", "--field-filters"),
        (without("process_credentials"), "no process_credentials: privilege knows", "--enable-process-cred (Helm"),
        (without("ns"), "no ns: privilege sees no change of namespaces", "--enable-process-ns (Helm"),
        (without("ancestors"), "no ancestors: ancestry knows what is above", "--enable-ancestors=base (Helm"),
        (without("in_init_tree"), "no in_init_tree: ancestry does not tell a session", "Tetragon 1.3"),
        (
            [each for each in without("user") if "pod" not in str(each)],
            "no user: documents",
            "--username-metadata=unix",
        ),
        ([each for each in WHOLE if "process_exit" not in each], "no process_exit: no end", "must name PROCESS_EXIT"),
        ([each for each in WHOLE if "process_exec" not in each], "no process_exec: ancestry", "must name PROCESS_EXEC"),
        ([event("process_exec", INSIDE)] * ENOUGH, "none of a process outside of containers", "exportDenyList"),
        (WHOLE[: -len(HOOKS)], "no event of a TracingPolicy: fim and network are blind", "kubectl apply -f"),
        ([each for each in WHOLE if each not in HOOKS[:1]], "fim sees no change of a file", "file-integrity.yaml"),
        ([each for each in WHOLE if each not in HOOKS[1:2]], "fim sees nobody read a secret", "file-integrity.yaml"),
        ([each for each in WHOLE if each not in HOOKS[2:3]], "privilege sees only what differs", "privilege.yaml"),
        ([each for each in WHOLE if each not in HOOKS[3:4]], "network is blind: no connection shows", "network.yaml"),
        ([each for each in WHOLE if each not in HOOKS[4:]], "network tells of no connection how long", "network.yaml"),
        (
            [*WHOLE, {"rate_limit_info": {"number_of_dropped_process_events": "7"}, "time": TIME}],
            "left out 7 of them for its rate limit",
            "--export-rate-limit",
        ),
        (
            [*WHOLE, {"process_throttle": {"type": "THROTTLE_START", "cgroup": "/a"}, "time": TIME}],
            "throttled cgroups (1 in all)",
            "--cgroup-rate",
        ),
    ],
)
def test_what_is_lacking_says_who_is_blind_and_what_would_feed_it(
    events: Sequence[Mapping[str, Any]], text: str, todo: str
) -> None:
    findings = [finding for finding in told(events) if text in finding.text]
    assert [finding.status for finding in findings] == ["warning"]
    assert todo in findings[0].todo


@pytest.mark.parametrize("name", [wanted.name for wanted in WANTED if wanted.name != "user"])
def test_one_flag_that_is_missing_is_one_warning(name: str) -> None:
    assert len(problems(told(without(name)))) == 1


def test_in_kubernetes_nobody_is_told_to_resolve_user_names() -> None:
    assert problems(told(without("user"))) == []


def test_a_few_events_prove_no_more_than_the_flags_that_show_on_each() -> None:
    bare = {"pid": 1, "exec_id": "a", "docker": "0123"}
    assert [text.partition(":")[0] for text in problems(told([event("process_exec", bare)]))] == [
        "no process_credentials",
        "no ns",
    ]


def test_an_empty_log_is_a_warning() -> None:
    [finding] = told([])
    assert (finding.status, finding.text) == ("warning", "none in 1 file.")


def test_lines_that_are_no_events_are_counted_with_the_reason() -> None:
    findings = told(WHOLE, b"Jan  5 12:00:00 n tetragon: hello", b'{"a":1}', b'{"a":2}')
    assert findings[0].status == "warning"
    assert findings[0].text.startswith("3 of 49 lines are no events, 2 of them for: not an event: expected an object")


def test_a_file_that_is_no_log_of_tetragons_is_a_failure() -> None:
    [finding] = told([], b"\xf0\x9f\x9a\x80 process /usr/bin/ls", b"\xf0\x9f\x92\xa5 exit /usr/bin/ls 0")
    assert finding.status == "failed"
    assert finding.text.startswith("none of 2 lines is an event: not JSON")
    assert "one JSON object a line" in finding.todo


@pytest.mark.parametrize("file", sorted(Path("examples/corpus").glob("*.ndjson")), ids=lambda file: file.stem)
def test_logs_from_anywhere_are_told_of(file: Path) -> None:
    seen = Seen()
    count(events_in(file.read_bytes().splitlines(), seen), seen)
    assert list(content_findings(seen, "1 file"))


@pytest.mark.parametrize("fed", FED, ids=lambda fed: fed.blind)
def test_the_policy_that_is_named_makes_such_events(fed: Any) -> None:
    file = Path(POLICIES, fed.policy)
    made: Counter[str] = Counter()
    for policy in read_policies(file.read_bytes(), str(file)):
        made.update(kind for hook in decoded(policy) for kind in hook.kinds)
    assert set(fed.kinds) & made.keys()


def test_every_field_that_is_wanted_is_counted() -> None:
    assert {wanted.name for wanted in WANTED} <= {*FIELDS, ANCESTORS}
    assert {member.event for member in MEMBERS} == {"process_exec", "process_exit"}


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_counts_where_it_is_and_only_there(name: str) -> None:
    values: Mapping[str, Callable[[], Any]] = {
        "exec_id": lambda: "a",
        "docker": lambda: "a",
        "in_init_tree": lambda: False,
        "environment_variables": lambda: [{"Key": "A", "Value": "b"}],
    }
    value = values.get(name, dict)()
    seen = Seen()
    lines = [json.dumps({"process_exec": {"process": {"pid": 1, **more}}}).encode() for more in ({name: value}, {})]
    count(events_in(lines, seen), seen)
    assert seen.fields == {name: 1}
