"""A file that cannot be taken is told with file, line, value and what was expected."""

from pathlib import Path

import pytest

from app.enrich.drops.file import load_rules, read_rules
from app.errors import DropsError

EVENTS = "rules:\n- name: a\n  events: [process_exec]\n"
WHEN = "rules:\n- name: a\n  drop: true\n  when:\n    "

WRONG = [
    # What is wrong of the file
    ("", "f, line 1: 'rules' is missing."),
    ("[a]", "f, line 1: there is ['a']. Expected names and values: rules."),
    ("rules:\n- [", "f, line 3: did not find expected node content. Expected YAML."),
    ("rule: []", "f, line 1: 'rule' is unknown here. Did you mean 'rules'?"),
    ("rules:\n- 2026-13-01", "f, line 2: '2026-13-01' is no value: month must be in 1..12. Expected YAML."),
    ("rules:\n- 2026-01-01T99:00:00Z: a", "f, line 2: '2026-01-01T99:00:00Z' is no value: hour must be in 0..23."),
    ("rules:\n- a\n- " + "9" * 5000, "f, line 3: '" + "9" * 40 + "…' is no value: Exceeds the limit"),
    ("rules: &a [*a]", "f, line 1: 'rules[0]' is [[...]]."),
    # of a rule
    (EVENTS + "  dorp: true", "f, line 4: 'dorp' is unknown here. Did you mean 'drop'?"),
    (EVENTS, "f, line 2: rule 'a' has neither 'drop' nor 'sample'. Expected one of 'drop: true'"),
    (EVENTS + "  drop: true\n  sample: 0.5", "f, line 2: rule 'a' has 'drop' and 'sample'. Expected one of"),
    (EVENTS + "  drop: true\n  repeat: false", "f, line 5: 'repeat' is False. Input should be True."),
    (EVENTS + "  repeat: true", "f, line 2: rule 'a' has neither 'drop' nor 'sample'."),
    (EVENTS + "  drop: false", "f, line 4: 'drop' is False. Input should be True."),
    (EVENTS + "  sample: 0", "f, line 4: 'sample' is 0. Input should be greater than 0."),
    (EVENTS + "  sample: 1.01", "f, line 4: 'sample' is 1.01. Input should be less than or equal to 1."),
    (EVENTS + "  sample: .nan", "f, line 4: 'sample' is nan."),
    (EVENTS + "  sample: 10%", "f, line 4: 'sample' is '10%'. Input should be a valid number."),
    (EVENTS + "  sample: true", "f, line 4: 'sample' is True. Input should be a valid number."),
    ("rules:\n- drop: true", "f, line 2: 'name' is missing."),
    ("rules:\n- name: A B", "f, line 2: 'name' is 'A B'. String should match pattern"),
    ("rules:\n- name: a\n  drop: true", "f, line 2: rule 'a' is for every event. Expected 'events' or 'when'"),
    (EVENTS + "  drop: true\n" + EVENTS[7:] + "  drop: true", "f, line 5: name 'a' stands in line 2 already."),
    # of events
    ("rules:\n- name: a\n  drop: true\n  events:", "f, line 4: 'events' is None. Input should be a valid list."),
    ("rules:\n- name: a\n  drop: true\n  events: []", "f, line 4: 'events' is []. List should have at least 1 item"),
    (
        "rules:\n- name: a\n  drop: true\n  events:\n  - process_exit\n  - process_exce",
        "f, line 6: there is no event 'process_exce'. Did you mean 'process_exec'? Expected some of process_exec, ",
    ),
    # of conditions
    ("rules:\n- name: a\n  drop: true\n  when:", "f, line 4: 'when' is None. Input should be a valid dictionary."),
    (WHEN + "5: a", "f, line 5: 5: there is no such field. Expected Tetragon's name, like process.binary."),
    (
        WHEN + "process.binry: /bin/sh",
        "f, line 5: process.binry: there is no such field. Did you mean 'process.binary'? Expected Tetragon's name",
    ),
    (WHEN + "process.pod: a", "f, line 5: process.pod: this holds others. Expected one of them, like process.pod.name"),
    (WHEN + "process.pod.pod_labels: a", "f, line 5: process.pod.pod_labels: this holds names and values. Expected a"),
    (
        EVENTS + "  drop: true\n  when: {cgroup: a}",
        "f, line 5: cgroup: no process_exec has it. Expected events that have: process_throttle.",
    ),
    (WHEN + "process.uid: root", "f, line 5: process.uid: there is 'root'. Expected a whole number."),
    (WHEN + "process.uid: true", "f, line 5: process.uid: there is True. Expected a whole number."),
    (WHEN + "process.in_init_tree: 1", "f, line 5: process.in_init_tree: there is 1. Expected true or false."),
    (WHEN + "process.cwd:\n    - /a\n    - 5", "f, line 7: process.cwd: there is 5. Expected text (a number, a date,"),
    (WHEN + "process.cwd:", "f, line 5: process.cwd: there is None. Expected text"),
    (WHEN + "process.cwd: []", "f, line 5: process.cwd: the list is empty. Expected a value at least."),
    (WHEN + "process.cwd: {}", "f, line 5: process.cwd: it is empty. Expected some of prefix, suffix, contains, glob,"),
    (
        WHEN + "process.cwd:\n      sufix: a",
        "f, line 6: process.cwd: 'sufix' is unknown here. Did you mean 'suffix'? Expected some of prefix, suffix,",
    ),
    (WHEN + "process.cwd:\n      prefix: [a, '']", "f, line 6: process.cwd: 'prefix' is empty, which all text fits."),
    (WHEN + "process.pid:\n      not:\n        prefix: a", "f, line 7: process.pid: 'prefix' is for text, and proc"),
    (WHEN + "process.cwd:\n      not:\n        not: a", "f, line 7: process.cwd: 'not' stands within 'not'."),
    (WHEN + "process.cwd: &a {not: *a}", "f, line 5: process.cwd: 'not' stands within 'not'."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_what_is_wrong_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(ValueError) as error:
        read_rules(text.encode(), "f")

    assert any(line.startswith(told) for line in str(error.value).splitlines()), str(error.value)


def test_all_that_is_wrong_is_told_at_once_in_the_order_of_lines() -> None:
    text = WHEN + "process.cwd: 1\n    process.pid: a\n- name: a\n  drop: true\n"
    with pytest.raises(ValueError) as error:
        read_rules(text.encode(), "f")

    assert [line.partition(": ")[0] for line in str(error.value).splitlines()] == [
        "f, line 5",
        "f, line 6",
        "f, line 7",
        "f, line 7",
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(DropsError, match=f"Drops' file '{path}' cannot be read: .*Expected YAML"):
            load_rules(path)


def test_no_file_is_no_rules_and_an_empty_list_is_a_file() -> None:
    assert load_rules(None) is None
    assert read_rules(b"rules: []", "f").all == ()
