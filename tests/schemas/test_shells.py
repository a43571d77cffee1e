"""What a shell was told to do."""

import time

import pytest

from schemas.lineage import Execution
from schemas.shells import awaits_commands, is_health_check, is_shell


@pytest.mark.parametrize(
    ("binary", "arguments", "expected"),
    [
        ("/bin/sh", "", True),
        ("/usr/bin/fish", "", True),
        ("/bin/busybox", "sh", True),
        ("/bin/busybox", "ash -l", True),
        ("/bin/busybox", "ls sh", False),
        ("/bin/busybox", "", False),
        ("/usr/bin/ssh", "", False),
        ("/usr/bin/bashful", "", False),
    ],
)
def test_a_shell_has_the_name_of_one_or_is_one_of_busyboxes(binary: str, arguments: str, expected: bool) -> None:
    assert is_shell(Execution(binary=binary, arguments=arguments)) is expected


@pytest.mark.parametrize(
    "arguments",
    ["", "-i", "-l", "--login", "-il", "--norc --noprofile", "-o vi", "--rcfile /root/.rc -i", "+O extglob"],
)
def test_a_shell_without_command_or_script_awaits_commands(arguments: str) -> None:
    assert awaits_commands("/bin/bash", arguments)


@pytest.mark.parametrize(
    "arguments",
    ["-c id", "-lc id", "-ec id", "/tmp/x.sh", "-x x.sh", "--login x.sh", "-o vi x.sh", "-s", "-", "--version"],
)
def test_a_shell_with_a_command_or_a_script_does_not(arguments: str) -> None:
    assert not awaits_commands("/bin/bash", arguments)


def test_busyboxes_own_first_argument_is_no_script() -> None:
    assert awaits_commands("/bin/busybox", "sh -i")
    assert not awaits_commands("/bin/busybox", "sh x.sh")


@pytest.mark.parametrize(
    "arguments",
    [
        '-c "pg_isready -U postgres"',
        "-c pg_isready",
        '-c "exec pg_isready -U "$POSTGRES_USER" -h ${PGHOST}"',
        '-c "/usr/bin/pg_isready -q > /dev/null 2>&1 || exit 1"',
        '-c "redis-cli -p 6379 ping"',
        '-ec "mysqladmin ping -h localhost"',
        '-c "rabbitmq-diagnostics -q check_running"',
        "/healthcheck.sh",
        "-e /usr/local/bin/docker-healthcheck.sh --fast",
    ],
)
def test_a_health_check_is_one_command_that_asks(arguments: str) -> None:
    assert is_health_check("/bin/sh", arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "-i",
        "-c id",
        '-c "pg_isready; id"',
        '-c "pg_isready && id"',
        '-c "pg_isready || id"',
        '-c "pg_isready | sh"',
        '-c "pg_isready $(id)"',
        '-c "pg_isready `id`"',
        '-c "pg_isready > /etc/cron.d/x"',
        '-c "pg_isready\nid"',
        '-c "/tmp/pg_isready -q"',
        '-c "redis-cli config set dir /root/.ssh"',
        '-c "/dev/shm/redis-cli ping"',
        '-c "mysqladmin shutdown"',
        "/tmp/healthcheck.sh",
        "/srv/other.sh healthcheck.sh",
    ],
)
def test_whatever_else_is_in_it_makes_it_none(arguments: str) -> None:
    assert not is_health_check("/bin/sh", arguments)


def test_a_long_command_is_not_worth_a_long_look() -> None:
    began = time.process_time()
    is_health_check("/bin/sh", '-c "pg_isready ' + "$aaaaaaaaaaaa${b} " * 60 + '("')

    assert time.process_time() - began < 0.1
