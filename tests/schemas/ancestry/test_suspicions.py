from pathlib import Path

import pytest

from schemas.ancestry.suspicions import JUDGES, suspicions
from schemas.lineage import Above, Execution, Lineage

HOST = Execution(binary="/usr/bin/runc", pid=7)


def found(binary: str, *ancestors: Execution | str, tags: str, arguments: str = "") -> list[tuple[str, int]]:
    above = Above(tuple(Execution(binary=each) if isinstance(each, str) else each for each in ancestors))
    process = Execution(binary=binary, arguments=arguments)
    lineage = Lineage(process, (), above, suspect=False, parent_is_previous_image=False)
    return [(each.rule.removeprefix("ancestry."), each.severity) for each in suspicions(tags.split(), lineage)]


@pytest.mark.parametrize(
    ("server", "severity"),
    [
        ("/usr/sbin/nginx", 4),
        ("/usr/sbin/php-fpm8.2", 4),
        ("/usr/lib/postgresql/bin/postgres", 3),
        ("/usr/bin/java", 2),
    ],
)
def test_a_shell_of_a_server_is_as_grave_as_the_server_is_open_and_seldom_has_one(server: str, severity: int) -> None:
    assert found("/bin/sh", server, tags="shell shell_under_server") == [("shell_under_server", severity)]
    assert found("/bin/sh", "/bin/bash", server, tags="shell_under_server") == [("shell_under_server", severity)]


def test_a_file_where_anyone_may_write_or_that_is_hidden_is_grave() -> None:
    assert found("/tmp/x", "/bin/bash", tags="exec_from_scratch") == [("exec_from_scratch", 3)]
    assert found("/usr/lib/.x", "/bin/bash", tags="exec_from_scratch") == [("exec_from_scratch", 3)]
    assert found("/usr/../tmp/x", "/bin/bash", tags="exec_from_scratch") == [("exec_from_scratch", 3)]


def test_what_a_package_manager_or_a_compiler_put_there_is_not() -> None:
    assert found("/tmp/x.config", "/usr/bin/dpkg", tags="exec_from_scratch pkg_mgr_descendant") == []
    assert found("/tmp/go-build1/b001/x.test", "/usr/local/go/bin/go", tags="exec_from_scratch") == []


def test_nor_is_what_lies_below_a_hidden_folder_of_a_home() -> None:
    assert found("/home/a/.cargo/bin/rustc", "/bin/bash", tags="exec_from_scratch") == []


def test_what_runs_without_a_file_is_grave() -> None:
    assert found("/proc/self/fd/7", "/bin/bash", tags="fileless_exec") == [("fileless_exec", 4)]
    assert found("/usr/bin/x (deleted)", "/bin/bash", tags="deleted_binary_exec") == [("deleted_binary_exec", 3)]


def test_what_may_be_a_probe_is_no_finding() -> None:
    assert found("/bin/sh", HOST, tags="container_exec_session", arguments='-c "wget -q localhost"') == []
    assert found("/bin/cat", HOST, tags="container_exec_session", arguments="/tmp/healthy") == []
    assert found("/bin/bash", HOST, tags="container_exec_session", arguments="-il") == [("container_exec_session", 2)]


def test_a_session_is_told_once() -> None:
    inside = Execution(binary="/bin/bash", joined=True)

    assert found("/bin/bash", HOST, tags="container_exec_session") == [("container_exec_session", 2)]
    assert found("/bin/ls", inside, tags="container_exec_session") == []


def test_context_is_no_finding() -> None:
    assert found("/bin/bash", "/usr/sbin/sshd", tags="shell remote_session_descendant short_lived") == []


def test_every_one_is_in_the_guide() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "agents.md").read_text()

    assert [tag for tag in JUDGES if f"| `ancestry.{tag}` |" not in guide] == []
