import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.check.here import agents_findings, drops_findings, listen_finding, positions_finding, settings_finding
from app.settings import Settings
from tests.check.nobody import nobody


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"TETRASTASH_KAFAK": "x"}, "Setting TETRASTASH_KAFAK is unknown."),
        ({"TETRASTASH_PARTITIONS": "many"}, "Setting TETRASTASH_PARTITIONS has value 'many'."),
        ({"TETRASTASH_LISTEN": "9600"}, "Setting TETRASTASH_LISTEN has value '9600'."),
        ({"TETRASTASH_KAFKA_PASSWORD_FILE": "/no/such"}, "which cannot be read: No such file or directory."),
    ],
)
def test_a_wrong_setting_is_a_failure_with_its_sentence(environment: Mapping[str, str], text: str) -> None:
    settings, finding = settings_finding(environment)
    assert settings is None
    assert finding.status == "failed"
    assert text in finding.text
    assert finding.todo


def test_settings_are_named_and_no_secret_is_shown() -> None:
    settings, finding = settings_finding({"TETRASTASH_ELASTICSEARCH_API_KEY": "hunter2", "HOME": "/root"})
    assert settings is not None
    assert finding.text == "TETRASTASH_ELASTICSEARCH_API_KEY given, the rest by default"


def test_settings_that_contradict_each_other_are_a_failure() -> None:
    settings, finding = settings_finding({"TETRASTASH_KAFKA_PASSWORD": "hunter2"})
    assert settings is None
    assert finding.status == "failed"
    assert "TETRASTASH_KAFKA_PASSWORD given, and TETRASTASH_KAFKA_SECURITY has value 'PLAINTEXT'" in finding.text
    assert "hunter2" not in finding.text + finding.todo


def test_a_port_in_use_is_a_warning_for_it_may_be_our_own() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        finding = listen_finding(Settings(listen=f"127.0.0.1:{taken.getsockname()[1]}"))
    assert finding.status == "warning"
    assert "is in use" in finding.text
    assert listen_finding(Settings()).status == "ok"


@pytest.mark.parametrize("listen", ["192.0.2.1:0", "no-such-host.invalid:1", "127.0.0.1:99999"])
def test_an_address_that_cannot_be_listened_on_is_a_failure(listen: str) -> None:
    finding = listen_finding(Settings(listen=listen))
    assert finding.status == "failed"
    assert repr(listen) in finding.text


def test_positions_are_looked_for_and_nothing_is_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "positions.json"
    finding = positions_finding(Settings(positions=path))
    assert finding.status == "ok"
    assert finding.text.endswith("its folder can be made")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "text"), [(b"{}", "cannot be understood"), (b'{"version":9}', "version is 9, expected 1")]
)
def test_a_position_file_that_is_none_is_a_failure(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "positions.json"
    path.write_bytes(content)
    finding = positions_finding(Settings(positions=path))
    assert finding.status == "failed"
    assert text in finding.text


def test_a_file_where_a_folder_should_be_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finding = positions_finding(Settings(positions=tmp_path / "file" / "positions.json"))
    assert finding.status == "failed"


def test_a_folder_that_may_not_be_written_to_is_a_failure(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with nobody():
        finding = positions_finding(Settings(positions=open_folder / "positions.json"))
    assert finding.status == "failed"
    assert "may not write" in finding.text


def test_a_typo_in_the_taxonomy_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "fim.yaml").write_text("extend:\n  - id: ssh.server_config\n    patern: [/etc/mine]\n")
    [finding] = agents_findings(Settings(agents=tmp_path))
    assert finding.status == "failed"
    assert f"{tmp_path / 'fim.yaml'}, line 3: 'patern' is unknown here." in finding.text
    assert finding.todo.startswith("Did you mean 'patterns'?")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("import no_such_module", "cannot be imported"),
        ("x = 1", "has 0 functions under @agent"),
        ("x =", "SyntaxError"),
    ],
)
def test_an_agent_that_does_not_load_is_named(tmp_path: Path, code: str, text: str) -> None:
    (tmp_path / "mine.py").write_text(code)
    [finding] = agents_findings(Settings(agents=tmp_path))
    assert finding.status == "failed"
    assert str(tmp_path / "mine.py") in finding.text
    assert text in finding.text


def test_agents_that_load_are_named() -> None:
    [finding] = agents_findings(Settings())
    assert (finding.status, finding.text) == (
        "ok",
        ", ".join(sorted(file.stem for file in Path("agents").glob("[!_]*.py"))),
    )


def test_rules_of_drops_are_named_and_each_fault_is_a_failure_of_its_own(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(
        "rules:\n- {name: one, events: [process_exit], drop: true}\n- {name: two, when: {status: 0}, sample: 0.1}\n"
    )
    bad.write_text("rules:\n- {name: one, events: [process_exite], drop: true}\n- {name: two, drop: true}\n")
    [found] = drops_findings(Settings(drops=good))
    first, second = drops_findings(Settings(drops=bad))

    assert list(drops_findings(Settings())) == []
    assert (found.status, found.text) == (
        "ok",
        f"2 rules of TETRASTASH_DROPS={str(good)!r}: one (drops), two (keeps 0.1)",
    )
    assert (first.status, second.status) == ("failed", "failed")
    assert first.text.endswith(f"{bad}, line 2: there is no event 'process_exite'.")
    assert first.todo.startswith("Did you mean 'process_exit'? Expected some of process_exec,")
    assert second.text == f"{bad}, line 3: rule 'two' is for every event."
