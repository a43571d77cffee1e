"""What a tap shows of a record, by topic and form."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.read.letter import letter_line
from app.read.output import Form, Look
from app.read.paint import coloured, plain
from app.read.taken import Role, Wanted, take
from app.read.where import read_condition
from schemas.record import PATH, POSITION, Record
from schemas.rejection import Origin, Rejection
from tests.read.documents import COLOURS, TEXT, VALUES, unfit


def event(binary: str, **process: Any) -> bytes:
    body = {"exec_id": "a", "pid": 7, "binary": binary, **process}
    return json.dumps({"process_exec": {"process": body}, "node_name": "n1", "time": "2026-01-02T03:04:05Z"}).encode()


def taken(
    role: Role,
    value: bytes,
    form: Form,
    where: Sequence[str] = (),
    key: str | None = None,
    record_key: bytes | None = b"c/n1",
    terminal: bool = False,
) -> list[str]:
    record = Record(f"tetragon.{role}", 3, 17, 0, record_key, value, {PATH: b"/t.log", POSITION: b"100"})
    wanted = Wanted([read_condition(each) for each in where], key)
    return [line.decode(errors="replace") for line in take(role, record, wanted, Look(form, plain, terminal=terminal))]


LINES = [event("/bin/a"), b"garbage \x1b[2J", b"", event("/tmp/b", arguments="x y")]
BLOCK = b"\n".join(LINES) + b"\n"
DOCUMENTS = [
    {"tetragon": {"event": "process_exec"}, "process": {"executable": "/bin/a", "pid": 1}},
    {"tetragon": {"event": "process_exec"}, "process": {"executable": "/tmp/b", "pid": 2}},
]
BULK = b"".join(b'{"create":{"_id":"x"}}\n%b\n' % json.dumps(each).encode() for each in DOCUMENTS)
LETTER = Rejection(
    id="x", stage="decode", reason="not JSON: odd", key=b"c/n1", original=b"\x1b[2J\xe2\x80\xae" + b"z" * 200,
    origin=Origin(topic="tetragon.events", partition=3, offset=17, line=1, path="/var/log/t.log", position=140),
)  # fmt: skip
WIRE = json.dumps(LETTER.wire(), ensure_ascii=False).encode()


def test_events_are_shown_as_the_lines_that_they_are() -> None:
    assert taken("events", BLOCK, "json") == [f"{line.decode()}\n" for line in LINES if line]


def test_an_event_has_the_line_of_its_document_and_what_is_none_that_of_its_letter() -> None:
    first, second, third = taken("events", BLOCK, "compact")

    assert first == "🚀 process n1 /bin/a\n"
    assert second.startswith('💀 decode  c/n1 "not JSON: ')
    assert second.endswith(f'tetragon.events[3]@17:0 /t.log@{100 + len(LINES[0]) + 1} "garbage \\x1b[2J"\n')
    assert third == "🚀 process n1 /tmp/b x y\n"


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        (["process.executable=/tmp/*"], [3]),
        (["process.pid=7"], [0, 3]),
        (["log.offset>100"], [3]),
        (["process.pid=7", "process.args=x"], [3]),
        (["reason"], []),
    ],
)
def test_conditions_are_about_the_document_that_an_event_becomes(where: list[str], shown: list[int]) -> None:
    assert taken("events", BLOCK, "json", where) == [f"{LINES[place].decode()}\n" for place in shown]


def test_documents_are_taken_out_of_their_block() -> None:
    assert list(map(json.loads, taken("documents", BULK, "json"))) == DOCUMENTS
    assert taken("documents", BULK, "compact") == ["🚀 process /bin/a\n", "🚀 process /tmp/b\n"]
    assert list(map(json.loads, taken("documents", BULK, "json", ["process.pid>1"]))) == DOCUMENTS[1:]


@pytest.mark.parametrize(
    ("value", "lines"),
    [(b"", 0), (b"x", 0), (b"x\ny", 1), (b"\n\n", 0), (b'{"create":{}}\n[1]\n', 1), (b"\xff\n\xff\n\xff", 1)],
)
def test_a_block_that_is_none_is_shown_and_stops_nothing(value: bytes, lines: int) -> None:
    for form in ("json", "compact"):
        assert len(taken("documents", value, form)) == lines
        assert taken("documents", value, form, ["a"]) == []


def test_a_dead_letter_is_shown_as_it_is_or_as_one_line() -> None:
    line = taken("rejected", WIRE, "compact")[0]

    assert taken("rejected", WIRE, "json") == [f"{WIRE.decode()}\n"]
    assert line.startswith(
        '💀 decode  c/n1 "not JSON: odd" tetragon.events[3]@17:1 /var/log/t.log@140 "\\x1b[2J\\u202ezz'
    )
    assert line.endswith('z"…\n')
    assert len(line) < 250


def test_a_dead_letter_that_is_no_text_is_shown_as_base64() -> None:
    letter = LETTER.model_copy(update={"original": b"\xff\xfe", "key": None, "stage": "index"})

    assert letter_line(letter.wire()).endswith("140 base64://4=")
    assert letter_line(letter.wire()).startswith('💀 index   "not JSON')


def test_a_letter_that_was_taken_away_is_not_shown() -> None:
    assert taken("rejected", b"", "json") == taken("rejected", b"", "compact") == []


def test_conditions_of_dead_letters_are_about_their_fields() -> None:
    assert taken("rejected", WIRE, "json", ["stage=decode", "origin.offset>=17", "reason=*JSON*"])
    assert not taken("rejected", WIRE, "json", ["stage=index"])


@pytest.mark.parametrize(
    ("key", "shown"), [(None, True), ("n1", True), ("c/n1", True), ("n", False), ("c", False), ("1", False)]
)
def test_a_node_is_named_by_its_key_with_the_cluster_or_without(key: str | None, shown: bool) -> None:
    assert bool(taken("events", BLOCK, "json", key=key)) is shown
    assert bool(taken("documents", BULK, "json", key=key)) is shown
    assert bool(taken("rejected", WIRE, "json", key=key, record_key=b"its id")) is shown


def test_a_record_without_a_key_is_of_no_node() -> None:
    assert taken("events", BLOCK, "json", record_key=None)
    assert not taken("events", BLOCK, "json", key="n1", record_key=None)


@given(
    st.binary(max_size=60), st.sampled_from(["events", "documents", "rejected"]), st.sampled_from(["json", "compact"])
)
def test_whatever_a_record_holds_a_terminal_only_prints(value: bytes, role: Role, form: Form) -> None:
    for line in taken(role, value, form, terminal=True):
        assert unfit(line.removesuffix("\n")) == []


LETTERS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("stage", "reason", "key", "original", "original_base64"), TEXT)
    | {"origin": st.one_of(VALUES, st.dictionaries(st.sampled_from([*Origin.model_fields]), TEXT))},
)


@given(LETTERS)
def test_no_letter_makes_a_terminal_obey(letter: dict[str, Any]) -> None:
    line = letter_line(letter)

    assert unfit(line) == []
    assert COLOURS.sub("", letter_line(letter, coloured)) == line
