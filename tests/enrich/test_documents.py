import json
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from examples.processes import lines
from schemas.document import CORE, FIELDS
from schemas.record import Record
from schemas.tetragon import BODIES
from tests.agents.cases import (
    AGENTS,
    CORPUS,
    CORPUS_EXPECTED,
    TIMESTAMP,
    corpus_documents,
    expected_of,
    record_of,
)
from tests.ecs.checker import problems
from tests.enrich.test_decode import EVENTLIKE

PIPELINE = Pipeline(AGENTS)
T = '"node_name":"n","time":"2024-01-01T00:00:10.5Z"}'


def document(line: str | bytes, **more: Any) -> dict[str, Any]:
    line = line.encode() if isinstance(line, str) else line
    enriched = Pipeline(AGENTS, **more).enrich(Memory(), record_of(line, "tetragon.log"))
    assert not enriched.rejections, enriched.rejections[0].reason
    assert not enriched.failures
    [(value, number)] = enriched.blocks
    action, found, end = value.split(b"\n")
    assert (number, end) == (1, b"")
    made: dict[str, Any] = json.loads(found)
    assert json.loads(action) == {"create": {"_id": made["event"]["id"]}}
    return made


@pytest.mark.parametrize("file", sorted(CORPUS.glob("*.ndjson")), ids=lambda file: file.stem)
def test_documents_of_real_lines_are_the_expected_ones(file: Path) -> None:
    expected = json.loads((CORPUS_EXPECTED / expected_of(file).name).read_text())

    assert corpus_documents(file) == expected


def test_every_event_that_is_known_has_a_field_for_its_body() -> None:
    bodies = set(BODIES) - {"process_exec", "process_exit", "rate_limit_info"}

    assert {f"tetragon.{name}" for name in bodies} <= CORE.keys()


def test_no_field_has_another_below_it_unless_it_is_an_object() -> None:
    assert [field for field in FIELDS for other in FIELDS if other.startswith(f"{field}.")] == []


@given(EVENTLIKE)
@settings(max_examples=300, deadline=None)
def test_any_json_becomes_a_document_of_ecs_or_a_dead_letter(value: Any) -> None:
    line = json.dumps(value).encode()
    enriched = PIPELINE.enrich(Memory(), record_of(line, "tetragon.log"))

    assert enriched.counters["lines"] == 1
    assert len(enriched.rejections) + len(enriched.blocks) == 1
    assert all(letter.stage == "decode" for letter in enriched.rejections)
    for block, _ in enriched.blocks:
        assert problems(json.loads(block.splitlines()[1])) == []


@given(st.binary(max_size=60).filter(lambda value: b"\n" not in value))
def test_arbitrary_bytes_are_dead_letters_that_keep_every_byte(value: bytes) -> None:
    enriched = PIPELINE.enrich(Memory(), record_of(value, "tetragon.log"))

    kept = b"".join(letter.original for letter in enriched.rejections)
    assert kept.strip() == value.strip()
    for letter in enriched.rejections:
        orjson.dumps(letter.wire())


@given(st.integers(0, 200), st.integers(0, 5000), st.binary(min_size=1, max_size=3))
@settings(deadline=None)
def test_a_damaged_line_costs_itself_alone(number: int, place: int, damage: bytes) -> None:
    place %= len(GENERATED[number])
    damaged = GENERATED[number][:place] + damage.replace(b"\n", b"") + GENERATED[number][place + 1 :]
    value = b"\n".join([GENERATED[0], damaged, GENERATED[1]])
    counters = PIPELINE.enrich(Memory(), record_of(value, "tetragon.log")).counters

    assert counters["documents"] >= 2
    assert counters["documents"] + counters["rejected"] == counters["lines"] == 3


GENERATED = [line.rstrip(b"\n") for _, line in lines(seed=1, events=201, nodes=2)]


# Kinds


def test_exec_is_a_start_and_what_tetragon_found_running_is_not() -> None:
    started = document('{"process_exec":{"process":{"pid":1,"flags":"execve clone"}},' + T)["event"]
    found = document('{"process_exec":{"process":{"pid":1,"flags":"procFS auid"}},' + T)["event"]

    assert (started["category"], started["type"], started["action"]) == (["process"], ["start"], "exec")
    assert (found["category"], found["type"], found["action"]) == (["process"], ["info"], "already_running")
    assert started["kind"] == found["kind"] == "event"


@pytest.mark.parametrize(
    ("told", "code", "signal"),
    [("", 0, None), ('"status":9,', 9, None), ('"signal":"SIGKILL",', None, "SIGKILL"), ('"status":0,', 0, None)],
)
def test_the_exit_code_is_zero_unless_something_else_is_told(told: str, code: int | None, signal: str | None) -> None:
    made = document('{"process_exit":{' + told + '"process":{"pid":1}},' + T)

    assert made["process"].get("exit_code") == code
    assert made["tetragon"].get("exit", {}).get("signal") == signal
    assert made["event"]["action"] == "end"


def test_an_exit_tells_how_long_the_process_ran() -> None:
    line = (
        '{"process_exit":{"process":{"pid":1,"start_time":"2024-01-01T00:00:00.25Z"},"time":"2024-01-01T00:00:09Z"},'
        + T
    )
    made = document(line)

    assert made["event"]["duration"] == 8_750_000_000
    assert made["process"]["uptime"] == 8
    assert made["process"]["start"] == "2024-01-01T00:00:00.250Z"
    assert made["process"]["end"] == "2024-01-01T00:00:09Z"
    assert made["@timestamp"] == "2024-01-01T00:00:10.500Z"


def test_an_exit_before_its_start_has_no_duration() -> None:
    made = document('{"process_exit":{"process":{"pid":1,"start_time":"2025-01-01T00:00:00Z"}},' + T)

    assert "duration" not in made["event"]
    assert made["process"]["end"] == "2024-01-01T00:00:10.500Z"


def test_other_events_keep_all_that_they_hold() -> None:
    body = (
        '{"process":{"pid":1},"function_name":"__x64_sys_setuid","args":[{"int_arg":0}],"return":{"int_arg":0},'
        '"policy_name":"p","message":"m","tags":["a","b"],"action":"KPROBE_ACTION_SIGKILL"}'
    )
    made = document('{"process_kprobe":' + body + "," + T)

    assert made["event"]["action"] == "uid_change"
    assert made["event"]["code"] == "__x64_sys_setuid"
    assert made["event"]["reason"] == "m"
    assert made["event"]["outcome"] == "failure"
    assert made["rule"] == {"name": "p"}
    assert made["tags"] == ["a", "b"]
    assert made["tetragon"]["event"] == "process_kprobe"
    expected = json.loads(body)
    del expected["process"]
    assert made["tetragon"]["process_kprobe"] == expected


def test_loss_and_throttling_are_told() -> None:
    dropped = document('{"rate_limit_info":{"number_of_dropped_process_events":"42"},' + T)
    throttle = document('{"process_throttle":{"type":"THROTTLE_START","cgroup":"c"},' + T)

    assert dropped["tetragon"]["rate_limit_info"] == {"number_of_dropped_process_events": 42}
    assert (dropped["event"]["kind"], dropped["event"]["action"]) == ("metric", "events_dropped")
    assert throttle["event"]["action"] == "throttle_start"
    assert throttle["event"]["category"] == ["host"]
    assert throttle["tetragon"]["process_throttle"] == {"type": "THROTTLE_START", "cgroup": "c"}


# Processes, users, pods


def test_users_are_strings_and_nobody_is_nobody() -> None:
    nobody = document('{"process_exec":{"process":{"pid":1,"uid":4294967295,"auid":4294967295}},' + T)
    root = document('{"process_exec":{"process":{"pid":1,"uid":0,"auid":1000,"user":{"name":"root"}}},' + T)

    assert "user" not in nobody
    assert "user" not in nobody["process"]
    assert "process" not in nobody["tetragon"]
    assert root["user"] == {"id": "0", "name": "root"}
    assert root["process"]["user"] == {"id": "0"}
    assert root["tetragon"]["process"]["auid"] == 1000


def test_credentials_tell_real_effective_and_saved_ids() -> None:
    ids = '"uid":1000,"gid":1001,"euid":0,"egid":1002,"suid":0,"sgid":1003'
    made = document('{"process_exec":{"process":{"pid":1,"uid":0,"process_credentials":{' + ids + "}}}," + T)

    assert made["user"] == {"id": "1000", "effective": {"id": "0"}}
    held = {name: made["process"][name]["id"] for name in ("user", "real_user", "saved_user", "group", "real_group")}
    assert held == {"user": "0", "real_user": "1000", "saved_user": "0", "group": "1002", "real_group": "1001"}
    assert made["process"]["saved_group"]["id"] == "1003"
    assert "process" not in made["tetragon"]


def test_what_ecs_has_no_name_for_is_told_as_tetragon_spells_it_and_nothing_else() -> None:
    held = '"uid":0,"euid":0,"fsuid":7,"fsgid":8,"securebits":["SecBitNoRoot"],"user_ns":{"level":1}'
    cap = '"permitted":["CAP_CHOWN"],"inheritable":["CAP_CHOWN"]'
    given = '{"pid":1,"process_credentials":{' + held + '},"cap":{' + cap + "}}"
    made = document('{"process_exec":{"process":' + given + ',"parent":' + given + "}," + T)

    assert made["tetragon"]["process"] == {
        "cap": {"inheritable": ["CAP_CHOWN"]},
        "process_credentials": {"fsuid": 7, "fsgid": 8, "securebits": ["SecBitNoRoot"], "user_ns": {"level": 1}},
    }
    assert made["tetragon"]["parent"] == json.loads(given.replace('"pid":1,', ""))


def test_the_one_capability_without_a_prefix_gets_it() -> None:
    cap = '"cap":{"permitted":["CAP_CHOWN","DAC_OVERRIDE"],"effective":["DAC_OVERRIDE"]}'
    made = document('{"process_exec":{"process":{"tid":5,' + cap + "}}," + T)

    assert made["process"]["thread"] == {
        "id": 5,
        "capabilities": {"effective": ["CAP_DAC_OVERRIDE"], "permitted": ["CAP_CHOWN", "CAP_DAC_OVERRIDE"]},
    }


POD = (
    '{"namespace":"shop","name":"web-1","uid":"u","container":{"id":"containerd://abc","name":"web",'
    '"image":{"id":"reg.io:5000/web@sha256:ff","name":"reg.io:5000/web:1.2"},"start_time":"2024-01-01T00:00:00Z",'
    '"pid":%d,"security_context":{"privileged":true}},"pod_labels":{"app.kubernetes.io/name":"web"},'
    '"workload":"web","workload_kind":"Deployment"}'
)


def test_pod_and_container_have_their_fields() -> None:
    made = document('{"process_exec":{"process":{"pid":1,"docker":"abc","pod":' + POD % 7 + "}}," + T)

    assert made["container"] == {
        "id": "abc",
        "runtime": "containerd",
        "name": "web",
        "image": {"name": "reg.io:5000/web", "tag": ["1.2"], "hash": {"all": ["sha256:ff"]}},
        "security_context": {"privileged": True},
    }
    assert made["orchestrator"] == {
        "type": "kubernetes",
        "namespace": "shop",
        "resource": {"type": "pod", "name": "web-1", "id": "u", "parent": {"type": "Deployment"}},
    }
    assert made["kubernetes"] == {
        "namespace": "shop",
        "labels": {"app.kubernetes.io/name": "web"},
        "pod": {"name": "web-1", "uid": "u"},
        "container": {"name": "web"},
        "deployment": {"name": "web"},
    }
    assert made["process"]["vpid"] == 7


def test_processes_of_one_pod_share_all_but_their_pid_in_it() -> None:
    line = '{"process_exec":{"process":{"pid":1,"pod":' + POD + "}}," + T
    one, other = document(line % 7), document(line % 8)

    assert (one["process"]["vpid"], other["process"]["vpid"]) == (7, 8)
    assert one["container"] == other["container"]


def test_a_pid_that_is_not_the_containers_is_not_taken_for_it() -> None:
    pod = '{"name":"p","new":{"pid":7},"pod_labels":{"a":"\\"pid\\":9"}}'
    made = document('{"process_exec":{"process":{"pid":1,"pod":' + pod + "}}," + T)

    assert "vpid" not in made["process"]
    assert made["tetragon"]["other"] == {"process_exec.process.pod.new": {"pid": 7}}
    assert made["kubernetes"]["labels"] == {"a": '"pid":9'}


def test_an_image_known_by_digest_alone_has_its_repository_as_name() -> None:
    for name, image_id in (("sha256:aa", "reg/app@sha256:bb"), ("", "docker-pullable://reg/app@sha256:bb")):
        image = json.dumps({"id": image_id, "name": name})
        made = document('{"process_exec":{"process":{"pod":{"container":{"image":' + image + "}}}}," + T)

        assert made["container"]["image"] == {"name": "reg/app", "hash": {"all": ["sha256:bb"]}}


def test_cluster_and_node_name_the_host() -> None:
    one = document('{"process_exec":{"process":{"pid":1}},"cluster_name":"c",' + T)
    other = document('{"process_exec":{"process":{"pid":1}},"cluster_name":"d","node_labels":{"a.b/c":"1"},' + T)

    assert one["host"]["name"] == other["host"]["name"] == "n"
    assert one["host"]["os"] == {"type": "linux"}
    assert one["host"]["id"] != other["host"]["id"]
    assert one["orchestrator"] == {"cluster": {"name": "c"}}
    assert other["kubernetes"]["node"] == {"labels": {"a.b/c": "1"}}


def test_a_container_of_no_known_pod_is_known_by_the_beginning_of_its_id() -> None:
    for docker in ("a" * 15, "a" * 24, "a" * 31):
        made = document('{"process_exec":{"process":{"pid":1,"docker":"' + docker + '"}},' + T)

        assert made["container"] == {"id": docker}
        assert made["tetragon"]["process"]["docker"] == docker
    assert document('{"process_exec":{"process":{"pid":1,"docker":"abc","pod":' + POD % 7 + "}}," + T)["container"][
        "runtime"
    ]


def test_an_images_id_is_told_where_it_says_more_than_name_and_digest() -> None:
    said = {}
    for image_id in ("reg/a@sha256:ff", "docker-pullable://reg/a@sha256:ff", "other/a@sha256:ff", "sha256:ff"):
        image = json.dumps({"id": image_id, "name": "reg/a:1"})
        made = document('{"process_exec":{"process":{"pod":{"container":{"image":' + image + "}}}}," + T)
        said[image_id] = made["tetragon"].get("container", {}).get("image_id")

    assert {each for each, told in said.items() if told} == {"other/a@sha256:ff"}


def test_a_parent_that_cannot_be_it_is_told_apart_from_the_process() -> None:
    parent = '{"exec_id":"p","pid":9,"binary":"/in/container","docker":"abc"}'
    made = document('{"process_exec":{"process":{"exec_id":"c","pid":7,"binary":"/a"},"parent":' + parent + "}," + T)

    assert "parent" not in made["process"]
    assert "parent" not in made["tetragon"]
    assert made["tetragon"]["lineage"]["suspect"] is True
    assert made["tetragon"]["other"] == {"process_exec.parent": json.loads(parent)}


def test_a_parent_keeps_what_process_parent_has_no_place_for() -> None:
    parent = (
        '{"exec_id":"p","pid":9,"tid":10,"binary":"/p","user":{"name":"root"},'
        '"environment_variables":[{"Key":"A","Value":"b"}]}'
    )
    made = document('{"process_exec":{"process":{"exec_id":"c","pid":7,"binary":"/a"},"parent":' + parent + "}," + T)

    assert made["tetragon"]["parent"] == {"tid": 10, "user": {"name": "root"}, "env_vars": ["A=b"]}


def test_what_a_filter_of_fields_leaves_alone_is_not_lost() -> None:
    made = document('{"process_exec":{"process":{"pid":1,"arguments":"-c x","start_time":"soon"}},' + T)

    assert made["tetragon"]["process"] == {"arguments": "-c x"}
    assert made["tetragon"]["other"] == {"process_exec.process.start_time": "soon"}


def test_an_action_without_a_name_is_its_number() -> None:
    made = document('{"process_kprobe":{"process":{"pid":1},"function_name":"f","action":99,"policy_name":"p"},' + T)

    assert made["tetragon"]["process_kprobe"]["action"] == "99"
    assert made["rule"] == {"name": "p"}
    assert "other" not in made["tetragon"]


# Identity, place and time


def test_the_same_line_is_the_same_event_and_another_key_another() -> None:
    value = GENERATED[5]
    ids = set()
    for key, offset in ((b"a", 1), (b"a", 2), (b"b", 1)):
        record = Record("t", 0, offset, 5, key, value, {})
        [(block, _)] = PIPELINE.enrich(Memory(), record).blocks
        ids.add(json.loads(block.splitlines()[0])["create"]["_id"])

    assert len(ids) == 2


@pytest.mark.parametrize("time", ["", ',"time":"0001-01-01T00:00:00Z"', ',"time":"soon"'])
def test_an_event_without_a_time_has_its_records_and_its_place(time: str) -> None:
    line = '{"process_exec":{"process":{"pid":1}}' + time + "}"
    enriched = PIPELINE.enrich(Memory(), record_of(f"{line}\n{line}\n".encode(), "tetragon.log"))
    made = [json.loads(each) for block, _ in enriched.blocks for each in block.splitlines()[1::2]]

    assert [each["@timestamp"] for each in made] == ["2023-11-14T22:13:20Z"] * 2
    assert all(each["tags"] == ["tetragon.time_missing"] for each in made)
    assert made[0]["event"]["id"] != made[1]["event"]["id"]
    assert TIMESTAMP == 1_700_000_000_000


def test_log_path_and_offset_are_those_of_the_line() -> None:
    value = b"\n" + GENERATED[0] + b"\r\n\n" + GENERATED[1]
    headers = {"path": b"/var/log/t\xff.log", "position": b"1000"}
    enriched = PIPELINE.enrich(Memory(), Record("t", 0, 0, 5, b"k", value, headers))
    made = [json.loads(each) for block, _ in enriched.blocks for each in block.splitlines()[1::2]]

    assert [each["log"]["offset"] for each in made] == [1001, 1001 + len(GENERATED[0]) + 3]
    assert made[0]["log"]["file"]["path"] == "/var/log/t\\xff.log"
    assert made[0]["event"]["original"] == GENERATED[0].decode()
    assert enriched.counters["lines"] == 2


def test_a_record_without_a_key_or_headers_is_enriched_and_marked() -> None:
    memory = Memory()
    enriched = PIPELINE.enrich(memory, Record("t", 3, 0, 5, None, GENERATED[0], {}))
    [(block, _)] = enriched.blocks
    made = json.loads(block.splitlines()[1])

    assert made["tags"] == ["tetragon.keyless"]
    assert "log" not in made
    assert {entry.scope for entry in memory.drain()} == {"#3"}


def test_a_broken_position_header_costs_the_offset_alone() -> None:
    record = Record("t", 0, 0, 5, b"k", GENERATED[0], {"path": b"p", "position": b"-5"})
    [(block, _)] = PIPELINE.enrich(Memory(), record).blocks

    assert json.loads(block.splitlines()[1])["log"] == {"file": {"path": "p"}}


def test_the_original_can_be_left_out() -> None:
    line = '{"process_exec":{"process":{"pid":1}},' + T

    assert document(line)["event"]["original"] == line
    assert "original" not in document(line, original=False)["event"]


# Bad input


def test_bytes_that_are_not_utf_8_are_a_dead_letter_with_all_bytes() -> None:
    line = b'{"process_exec":{"process":{"pid":1,"binary":"\xff"}}}'
    unseen = b'{"process_kprobe":{"args":["\xff"]}}'
    enriched = PIPELINE.enrich(Memory(), record_of(line + b"\n" + unseen, "t"))

    assert [letter.original for letter in enriched.rejections] == [line, unseen]
    assert [letter.stage for letter in enriched.rejections] == ["decode", "decode"]
    assert enriched.rejections[1].origin.position == len(line) + 1
    assert enriched.rejections[1].origin.line == 1


def test_a_line_of_five_megabytes_becomes_a_document() -> None:
    made = document('{"process_exec":{"process":{"binary":"/a","arguments":"' + "x " * 2_500_000 + '"}},' + T)

    assert made["process"]["args_count"] == 2_500_002


def test_deep_members_are_kept_as_text_and_null_bytes_leave_keys() -> None:
    deep = '{"a":' * 30 + "1" + "}" * 30
    wide = "[" + ",".join(["{}"] * 40) + "]"
    made = document('{"process_exec":{"deep":' + deep + ',"wide":' + wide + ',"nul\\u0000l":1},' + T)

    assert made["tetragon"]["other"] == {
        "process_exec.deep": deep,
        "process_exec.wide": [{}] * 40,
        "process_exec.nul\ufffdl": 1,
    }


def test_hundred_thousand_levels_leave_the_neighbours_alone() -> None:
    value = b"\n".join([GENERATED[0], b'{"process_exec":{"x":' + b"[" * 100_000, GENERATED[1]])
    counters = PIPELINE.enrich(Memory(), record_of(value, "t")).counters

    assert counters == {"lines": 3, "documents": 2, "rejected": 1, "agent_errors": 0}


# Line by line


@given(st.sets(st.integers(0, 19)))
@settings(max_examples=20, deadline=None)
def test_lines_given_up_are_dead_letters_and_the_others_documents_as_ever(given_up: set[int]) -> None:
    record = record_of(b"\n".join(GENERATED[:20]), "t")
    steps = PIPELINE.steps(Memory(), record, given_up)
    visited = []
    try:
        while True:
            visited.append(next(steps))
    except StopIteration as done:
        enriched = done.value

    assert visited == [number for number in range(20) if number not in given_up]
    assert enriched.counters == {
        "lines": 20,
        "documents": 20 - len(given_up),
        "rejected": len(given_up),
        "agent_errors": 0,
    }
    assert {letter.origin.line: letter.original for letter in enriched.rejections} == {
        number: GENERATED[number] for number in given_up
    }
    assert [letter.stage for letter in enriched.rejections] == ["enrich"] * len(given_up)
    stored = [line for block, _ in enriched.blocks for line in block.splitlines()[1::2]]
    assert [json.loads(line)["event"]["original"].encode() for line in stored] == [GENERATED[each] for each in visited]


# Blocks


@given(st.integers(1, 60_000))
@settings(max_examples=20, deadline=None)
def test_blocks_hold_every_document_once_and_keep_to_the_limit(limit: int) -> None:
    value = b"\n".join(islice(GENERATED, 40))
    enriched = Pipeline(AGENTS, block_limit=limit).enrich(Memory(), record_of(value, "t"))
    [(whole, number)] = PIPELINE.enrich(Memory(), record_of(value, "t")).blocks

    assert b"".join(block for block, _ in enriched.blocks) == whole
    assert sum(documents for _, documents in enriched.blocks) == number == 40
    for block, documents in enriched.blocks:
        assert len(block) <= limit or documents == 1
        assert len(block.splitlines()) == 2 * documents


def test_an_empty_record_becomes_nothing() -> None:
    enriched = PIPELINE.enrich(Memory(), record_of(b"\n \n\r\n", "t"))

    assert (enriched.blocks, enriched.rejections) == ([], [])
    assert enriched.counters["lines"] == 0
    assert enriched.failures == []
