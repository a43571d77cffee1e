from typing import Any

from rich.console import Console

from app.local.report import an_execution, as_text, kinds, process_tree


def ran(entity: str, parent: str, command: str) -> dict[str, Any]:
    args = command.split()
    process = {"entity_id": entity, "pid": 7, "executable": args[0], "args": args, "parent": {"entity_id": parent}}
    return {"process": process, "event": {"original": "{}"}, "tetragon": {"event": "process_exec"}}


def ended(entity: str, status: int = 0) -> dict[str, Any]:
    process = {"entity_id": entity, "pid": 7, "exit_code": status}
    return {"process": process, "event": {}, "tetragon": {"event": "process_exit"}}


def killed(entity: str, signal: str) -> dict[str, Any]:
    process = {"entity_id": entity, "pid": 7}
    return {"process": process, "event": {}, "tetragon": {"event": "process_exit", "exit": {"signal": signal}}}


def text(shown: Any) -> str:
    console = Console(width=100, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(shown)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def test_the_deepest_tree_is_drawn_with_exit_codes() -> None:
    documents = [
        ran("a", "", "sshd"),
        ran("b", "a", "bash"),
        ran("c", "b", "ls -la"),
        ran("d", "b", "sleep 1"),
        ran("e", "", "cron"),
        ran("f", "e", "sh"),
        ended("c", status=2),
        killed("d", "SIGKILL"),
        ended("a"),
    ]

    assert process_tree(documents) == "\n".join(
        [
            "  sshd  7 · exit 0",
            "  └─ bash  7",
            "     ├─ ls -la  7 · exit 2",
            "     └─ sleep 1  7 · SIGKILL",
        ]
    )


def test_a_tree_that_fills_more_than_a_screen_is_passed_over() -> None:
    wide = [ran("init", "", "init")] + [ran(f"w{number}", "init", "worker") for number in range(40)]

    assert process_tree([*wide, ran("x", "w1", "x")]) == "  worker  7\n  └─ x  7"


def test_without_a_child_there_is_no_tree() -> None:
    assert process_tree([ran("a", "", "x"), ended("b")]) is None
    assert process_tree([]) is None


def test_a_document_is_shown_without_the_event_as_tetragon_wrote_it() -> None:
    shown = as_text(ran("a", "", "x"))

    assert "original" not in shown
    assert "process.executable        x\n" in shown


def test_the_document_that_is_shown_is_an_execution() -> None:
    documents = [ended("a"), ran("b", "", "x"), ended("b")]

    assert an_execution(documents) == documents[1]
    assert an_execution([ended("a")]) is None


def test_each_kind_has_a_row() -> None:
    assert "process_exec │    12,345" in text(kinds({"process_exec": 12_345}))
