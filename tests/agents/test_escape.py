"""What the escape agent tells of each way out of a container, never tells, and takes from a user's file."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agents.escape import ENOUGH, changed
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from examples.story import intrusion, ordinary, story
from schemas.escape.exceptions import read_exceptions
from schemas.escape.rules import RULES
from schemas.escape.verdict import DEPLOYED, OF_PROBES
from schemas.times import SECOND, rfc3339
from tests.agents.cases import AGENTS, HERE, documents, expected_of, leaves, record_of
from tests.agents.test_story import MINUTES, NODES, RATE, SEED
from tests.agents.test_story import documents as documents_of_story

[AGENT] = [agent for agent in AGENTS if agent.name == "escape"]
CASES: Final = sorted((HERE / "escape").glob("*.log"))
GUIDE: Final = HERE.parents[1] / "docs" / "escape.md"
ANYWHERE: Final = {"escape.left", "escape.metadata_service", "escape.runtime_overwritten"}


def rules_of(document: Mapping[str, Any]) -> dict[str, int]:
    """With their severities; this agent's alone."""
    found = document["tetragon"].get("findings", [])
    return {each["rule"]: each["severity"] for each in found if each["rule"].startswith("escape.")}


def test_each_rule_has_a_case_that_ends_with_what_is_like_it_and_is_not_told() -> None:
    assert {case.stem for case in CASES} == set(RULES)
    for case in CASES:
        told = [rules_of(document) for document in json.loads(expected_of(case).read_text())]
        assert any(f"escape.{case.stem}" in rules for rules in told), case.stem
        assert f"escape.{case.stem}" not in told[-1], case.stem


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_every_field_that_a_finding_names_is_in_its_document(case: Path) -> None:
    for document in documents(case, AGENTS, original=False):
        present = leaves(document)
        for each in document["tetragon"].get("findings", []):
            if each["rule"].startswith("escape."):
                assert set(each["fields"]) <= present, each


def test_a_rule_starts_where_its_cases_are_gravest() -> None:
    """Two rules have one more for who does it."""
    more = {"mount": 1, "metadata_service": 1}
    for case in CASES:
        told = [rules_of(document) for document in json.loads(expected_of(case).read_text())]
        gravest = max(rules.get(f"escape.{case.stem}", 0) for rules in told)
        assert gravest == RULES[case.stem].severity + more.get(case.stem, 0), case.stem


STEPS: Final = (
    ("escape.service_account_token", "cat", 3),
    ("escape.mount", "mount", 4),
    ("escape.host_prefix", "cat", 4),
    ("escape.host_prefix", "sh", 4),
    ("escape.host_prefix", "truncate", 4),
)


def test_the_intrusion_is_told_step_by_step() -> None:
    attack = {line for _, _, line in intrusion(SEED, NODES, MINUTES)}
    lines = list(story(SEED, NODES, MINUTES, RATE))
    told = [
        (rule, made["process"]["name"], severity)
        for (_, _, line), made in zip(lines, documents_of_story(lines), strict=True)
        for rule, severity in rules_of(made).items()
        if line in attack
    ]

    assert tuple(dict.fromkeys(told)) == STEPS


def test_an_ordinary_day_has_hardly_a_grave_finding() -> None:
    number, grave = 0, 0
    for made in documents_of_story(ordinary(SEED + 1, NODES, MINUTES, RATE)):
        number += 1
        grave += any(severity >= 3 for severity in rules_of(made).values())

    assert number > 5_000
    assert grave <= number / 10_000


# Laws, over processes and what they do of all kinds.

PATHS: Final = (
    "/cg/release_agent", "/proc/sys/kernel/core_pattern", "/sys/kernel/uevent_helper", "/proc/1/root/etc/shadow",
    "/proc/1/ns/mnt", "/host/etc/shadow", "/dev/sda", "/dev/kmsg", "/run/docker.sock", "/usr/bin/runc", "/proc/7/exe",
    "/run/secrets/kubernetes.io/serviceaccount/token", "/proc/self/status", "/proc/1/cgroup", "/proc/self/uid_map",
    "/proc/self/mountinfo", "/etc/hostname", "relative",
)  # fmt: skip
COMMANDS: Final = (
    ("/usr/bin/nsenter", "-t 1 -m sh"), ("/usr/sbin/chroot", "/host"), ("/bin/mount", "/dev/sda1 /mnt"),
    ("/usr/sbin/chroot", "/mnt"), ("/usr/bin/curl", "--unix-socket /run/docker.sock http://x/"), ("/usr/bin/cdk", ""),
    ("/usr/bin/curl", "http://169.254.169.254/"), ("/usr/bin/runc", "exec --cwd /proc/self/fd/7 c"), ("/srv/app", ""),
    ("/bin/sh", "-i"), ("/bin/cat", "x"), ("/proc/self/exe", "init"),
)  # fmt: skip
_NUMBER: Final = st.sampled_from([0, -1, -13])
_FILE: Final = st.sampled_from(PATHS).map(lambda path: {"file_arg": {"path": path, "permission": "-rw-r--r--"}})
_MASK: Final = st.sampled_from([2, 4]).map(lambda mask: {"int_arg": mask})
_CALLS: Final = st.one_of(
    st.tuples(st.just("security_file_permission"), st.tuples(_FILE, _MASK)),
    st.tuples(st.just("security_file_open"), st.tuples(_FILE)),
    st.tuples(
        st.just("__x64_sys_chroot"), st.tuples(st.sampled_from([{"string_arg": "/host"}, {"string_arg": "/mnt"}]))
    ),
    st.tuples(
        st.just("__x64_sys_mount"),
        st.tuples(
            st.sampled_from([{"string_arg": "/dev/sda1"}, {"string_arg": "proc"}]), st.just({"string_arg": "/mnt"})
        ),
    ),
    st.tuples(
        st.just("__x64_sys_setns"),
        st.tuples(st.just({"int_arg": 3}), st.sampled_from([{"int_arg": 0x20000}, {"int_arg": 0x40000000}])),
    ),
    st.tuples(st.just("do_init_module"), st.tuples(st.just({"module_arg": {"name": "x"}}))),
    st.tuples(
        st.just("tcp_connect"),
        st.tuples(
            st.sampled_from([("169.254.169.254", 80), ("10.0.0.1", 10250), ("10.0.0.1", 6443)]).map(
                lambda end: {"sock_arg": {"family": "AF_INET", "daddr": end[0], "dport": end[1]}}
            )
        ),
    ),
    st.tuples(
        st.just("security_socket_connect"),
        st.tuples(st.sampled_from(PATHS).map(lambda path: {"sockaddrun_arg": {"family": "AF_UNIX", "path": path}})),
    ),
)
_ACTION: Final = st.sampled_from(["KPROBE_ACTION_POST", "KPROBE_ACTION_SIGKILL"])
# An exec of a child, or a call of the last process; in which container; more of it.
STEPS_OF_ALL: Final = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(COMMANDS), st.tuples(_CALLS, _NUMBER, _ACTION)),
        st.sampled_from(["", "a" * 31, "b" * 31]),
        st.fixed_dictionaries(
            {},
            optional={
                "in_init_tree": st.booleans(),
                "cap": st.just({"permitted": ["CAP_SYS_ADMIN"]}),
                "ns": st.sampled_from(
                    [{"mnt": {"inum": 1, "is_host": True}, "pid": {"inum": 1, "is_host": True}},
                     {"mnt": {"inum": 9}, "pid": {"inum": 9}}]
                ),
                "cwd": st.sampled_from(["/", "/proc/self/fd/8"]),
            },
        ),
    ),
    max_size=12,
)  # fmt: skip


def lines_of(steps: Sequence[Any]) -> list[bytes]:
    lines: list[bytes] = []
    last: dict[str, Any] | None = None
    for number, (what, container, more) in enumerate(steps, 1):
        time = rfc3339((1_700_000_000 + number) * SECOND)
        is_exec = isinstance(what[1], str)
        binary, arguments = what if is_exec else ("/srv/app", "")
        process = {
            "exec_id": b64encode(f"node:{number}:{number + 9}".encode()).decode(),
            "pid": number + 9,
            "uid": 0,
            "binary": binary,
            "arguments": arguments,
            "flags": "execve clone",
            "start_time": time,
            **({"docker": container, "pod": pod(container)} if container else {}),
            **({"parent_exec_id": last["exec_id"]} if last is not None else {}),
            **more,
        }
        body: dict[str, Any] = {"process": process, **({"parent": last} if last is not None else {})}
        name = "process_exec"
        if not is_exec:
            (function, args), returned, action = what
            name = "process_kprobe"
            body |= {"function_name": function, "args": args, "return": {"int_arg": returned}, "action": action}
        lines.append(orjson.dumps({name: body, "time": time}))
        last = {key: value for key, value in process.items() if key != "cwd"}
    return lines


def pod(container: str) -> dict[str, Any]:
    image = {"name": f"registry.example.com/{container[0]}:1"}
    return {"namespace": "shop", "name": "p", "workload": container[0], "container": {"image": image}}


def told_of(lines: Sequence[bytes], exceptions: str = "", memory: Memory | None = None) -> list[dict[str, int]]:
    agent = replace(AGENT, function=changed(exceptions.encode(), "escape.yaml")) if exceptions else AGENT
    pipeline = Pipeline([agent], original=False)
    enriched = pipeline.enrich(memory or Memory(), record_of(b"\n".join(lines), "x.log"))
    assert not enriched.rejections
    assert not enriched.failures
    return [rules_of(orjson.loads(line)) for value, _ in enriched.blocks for line in value.splitlines()[1::2]]


@given(STEPS_OF_ALL)
def test_a_process_of_the_host_has_no_finding_but_those_that_say_so(steps: Sequence[Any]) -> None:
    for (_, container, _), rules in zip(steps, told_of(lines_of(steps)), strict=True):
        assert container or rules.keys() <= ANYWHERE


@given(STEPS_OF_ALL)
def test_what_fails_is_less_grave_than_what_succeeds(steps: Sequence[Any]) -> None:
    def ending(returned: int) -> list[Any]:
        return [
            (what if isinstance(what[1], str) else (what[0], returned, "KPROBE_ACTION_POST"), *rest)
            for what, *rest in steps
        ]

    for good, bad in zip(told_of(lines_of(ending(0))), told_of(lines_of(ending(-13))), strict=True):
        assert all(severity <= good[rule] for rule, severity in bad.items())


@given(
    STEPS_OF_ALL,
    st.sampled_from(["escape.*", *(rule.full_name for rule in RULES.values())]),
    st.sampled_from(["binary: /usr/*", "image: '*/a:1'", "namespace: shop", "workload: b", "binary: /srv/app"]),
)
def test_an_exception_takes_its_rule_from_whom_it_names_and_nothing_else(
    steps: Sequence[Any], rule: str, who: str
) -> None:
    lines = lines_of(steps)
    without = told_of(lines)
    excepted = told_of(lines, f"exceptions:\n- rules: ['{rule}']\n  {who}\n  why: it must\n")

    for before, after in zip(without, excepted, strict=True):
        assert after.items() <= before.items()
        assert all(rule in ("escape.*", name) for name in before.keys() - after.keys())


@given(STEPS_OF_ALL)
def test_whatever_happens_a_finding_names_only_what_its_document_has(steps: Sequence[Any]) -> None:
    enriched = Pipeline(AGENTS, original=False).enrich(Memory(), record_of(b"\n".join(lines_of(steps)), "x.log"))

    assert not enriched.failures
    for document in [orjson.loads(line) for value, _ in enriched.blocks for line in value.splitlines()[1::2]]:
        named = {
            field
            for each in document["tetragon"].get("findings", [])
            if each["rule"].startswith("escape.")
            for field in each["fields"]
        }
        assert named <= leaves(document)


@given(STEPS_OF_ALL, st.integers(0, 12))
def test_a_worker_that_restored_a_checkpoint_tells_the_same(steps: Sequence[Any], cut: int) -> None:
    lines = lines_of(steps)
    memory = Memory()
    before = told_of(lines[:cut], memory=memory) if lines[:cut] else []
    restored = Memory()
    restored.load(memory.drain().items())

    assert [*before, *(told_of(lines[cut:], memory=restored) if lines[cut:] else [])] == (
        told_of(lines) if lines else []
    )


# A user's file.


def case(name: str) -> list[bytes]:
    return (HERE / "escape" / f"{name}.log").read_bytes().splitlines()


def count(told: Sequence[Mapping[str, int]], rule: str) -> int:
    return sum(rule in rules for rules in told)


@pytest.mark.parametrize(
    "who",
    [
        "image: docker.io/library/wordpress:*",
        "image: docker.io/library/wordpress@sha256:5a5a*",
        "namespace: shop",
        "workload: cms",
        "binary: /bin/sh",
        "{namespace: shop, workload: c*s, binary: /bin/*}",
    ],
)
def test_an_exception_silences_whom_it_names(who: str) -> None:
    lines = case("core_pattern")
    given_as = who if who.startswith("{") else f"{{{who}}}"
    text = f"exceptions: [{{rules: [core_pattern], why: tunes the node, {given_as[1:-1]}}}]\n"

    assert count(told_of(lines), "escape.core_pattern") == 3
    assert count(told_of(lines, text), "escape.core_pattern") == 0


@pytest.mark.parametrize("who", ["image: nginx*", "namespace: kube-system", "workload: cm", "binary: /bin/shell"])
def test_an_exception_leaves_the_others_alone(who: str) -> None:
    text = f"exceptions: [{{rules: [escape.core_pattern], why: tunes the node, {who}}}]\n"

    assert told_of(case("core_pattern"), text) == told_of(case("core_pattern"))


def test_a_root_of_the_users_own_leads_to_the_host() -> None:
    lines = [line.replace(b"/rootfs/etc/cron.d/job", b"/node/etc/cron.d/job") for line in case("host_prefix")]

    assert (
        count(told_of(lines, "roots: [/node]\n"), "escape.host_prefix")
        == count(told_of(lines), "escape.host_prefix") + 1
    )


def test_the_example_in_the_guide_is_one() -> None:
    [text] = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(), re.DOTALL)

    assert len(read_exceptions(text.encode(), "escape.yaml").exempt) == 4


ENTRY: Final = "exceptions:\n- rules: [escape.mount]\n"
WRONG: Final = {
    "a key with a typo": (
        "exceptons: []\n",
        "escape.yaml, line 1: 'exceptons' is unknown here. Did you mean 'exceptions'?",
    ),
    "a key of an entry with a typo": (
        f"{ENTRY}  why: x\n  nmespace: a\n",
        "escape.yaml, line 4: 'nmespace' is unknown here. Did you mean 'namespace'?",
    ),
    "a rule that there is not": (
        "exceptions:\n- why: x\n  binary: /a\n  rules:\n  - escape.mount\n  - escape.mont\n",
        "escape.yaml, line 6: there is no rule 'escape.mont'. Did you mean 'escape.mount'?",
    ),
    "a rule of another agent": (
        "exceptions:\n- {why: x, binary: /a, rules: [fim.web_root_of_a_kind]}\n",
        "escape.yaml, line 2: there is no rule 'fim.web_root_of_a_kind'. Expected some of escape.release_agent, ",
    ),
    "no rule": ("exceptions:\n- {why: x, binary: /a, rules: []}\n", "line 2: 'rules' is empty. Expected names"),
    "no reason": (f"{ENTRY}  binary: /a\n", "escape.yaml, line 2: 'why' is missing."),
    "nobody in particular": (f"{ENTRY}  why: x\n", "escape.yaml, line 2: the exception is for everybody."),
    "everybody in other words": (f"{ENTRY}  why: x\n  image: '*'\n", "line 2: the exception is for everybody."),
    "an empty name": (f"{ENTRY}  why: x\n  binary: /a\n  image: ''\n", "line 5: 'image' is ''. Expected a text"),
    "a number": (f"{ENTRY}  why: x\n  namespace: 7\n", "line 4: 'namespace' is 7. Input should be a valid string"),
    "a root that is none": ("roots:\n- /node\n- node\n", "escape.yaml, line 3: pattern 'node' does not begin at the"),
    "no YAML": ("exceptions: [\n", "Expected YAML."),
    "a key twice": ("roots: []\nroots: []\n", "escape.yaml, line 2: 'roots' stands in line 1 already."),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_a_users_file_may_not_say_names_the_line(name: str) -> None:
    text, sentence = WRONG[name]

    with pytest.raises(ValueError, match=re.escape(sentence)):
        changed(text.encode(), "escape.yaml")


def test_the_guide_says_for_what_who_does_it_counts() -> None:
    named = {
        about: set(re.findall(r"`(\w+)`", line))
        for line in GUIDE.read_text().splitlines()
        for about in ("the container's own program", "the kubelet's probe")
        if line.startswith("|") and about in line
    }

    assert named == {"the container's own program": DEPLOYED, "the kubelet's probe": OF_PROBES}
    assert ENOUGH == 4
    assert "four or more" in RULES["recon"].condition
