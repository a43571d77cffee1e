import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from app.errors import Stop
from app.local.child import Child, spawn
from app.local.ports import HOST, free_ports, require_free

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def ends(pid: int, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_child_ends_when_its_parent_is_killed() -> None:
    parent = (
        "import time; from app.local.child import spawn; import sys;"
        "print(spawn([sys.executable, '-c', 'import time; time.sleep(60)']).pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert not ends(child, seconds=0.2)
        process.kill()

    assert ends(child)


def test_a_child_outlives_the_thread_that_asked_for_it() -> None:
    made = []
    thread = threading.Thread(target=lambda: made.append(spawn(SLEEP)))
    thread.start()
    thread.join()
    [child] = made

    assert not ends(child.pid, seconds=0.2)
    child.kill()
    child.wait()


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"X ended with exit status 1 .*\n'/no/such' cannot be run: No such file"):
        Child("X", tmp_path / "log").launch(["/no/such"], lambda: False)


def test_a_server_that_ends_at_once_shows_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("of an earlier run\n")
    with pytest.raises(Stop, match=r"X ended with exit status 3 before it was ready\. .*ends with:\nno disk$"):
        Child("X", tmp_path / "log").launch(
            [sys.executable, "-c", "import sys; print('no disk'); sys.exit(3)"], lambda: False
        )


def test_a_server_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    engine = Child("X", tmp_path / "log")
    with pytest.raises(Stop, match=r"X was not ready after 0 s"):
        engine.launch(SLEEP, lambda: False, seconds=0.2)

    assert ends(engine.pid)


def test_a_server_that_runs_is_not_started_twice(tmp_path: Path) -> None:
    engine = Child("X", tmp_path / "log")
    engine.launch(SLEEP, lambda: True)
    with pytest.raises(Stop, match="X runs already as process"):
        engine.launch(SLEEP, lambda: True)

    assert engine.is_running
    engine.kill()
    assert not engine.is_running


def test_a_server_that_ignores_the_request_to_stop_is_killed(tmp_path: Path) -> None:
    engine = Child("X", tmp_path / "log")
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    engine.launch([sys.executable, "-c", script], lambda: b"deaf" in (tmp_path / "log").read_bytes())
    engine.stop(seconds=0.2)

    assert ends(engine.pid)


def test_ctrl_c_on_the_terminal_does_not_reach_a_child(tmp_path: Path) -> None:
    engine = Child("X", tmp_path / "log")
    engine.launch(SLEEP, lambda: True)

    assert os.getpgid(engine.pid) == engine.pid
    os.kill(engine.pid, signal.SIGKILL)
    engine.stop()


def test_stopping_what_never_started_does_nothing(tmp_path: Path) -> None:
    Child("X", tmp_path / "log").stop()


def test_a_taken_port_is_named_with_what_wants_it() -> None:
    [port] = free_ports(1)
    with (
        socket.create_server((HOST, port)),
        pytest.raises(Stop, match=rf"Port {port} on {HOST} is taken\. .*for Kafka"),
    ):
        require_free(port, "Kafka")


def test_free_ports_lie_outside_the_range_of_outgoing_connections() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])

    assert all(port < first for port in free_ports(20)) or first < 11_240
