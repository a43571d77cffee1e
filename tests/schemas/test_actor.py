from typing import Any

import msgspec

from schemas.actor import Actor, actor_of
from schemas.lineage import Above, Execution, Lineage
from schemas.tetragon import Container, Pod, Process


def acting(binary: str, *ancestors: str, process: Process | None = None, complete: bool = True, **more: Any) -> Actor:
    above = Above(tuple(Execution(binary=ancestor) for ancestor in ancestors), complete=complete)
    lineage = Lineage(Execution(binary=binary, **more), (), above, suspect=False, parent_is_previous_image=False)
    return actor_of(process or Process(), lineage)


def test_a_program_of_the_system_has_a_name() -> None:
    assert acting("/usr/bin/passwd").program == "passwd"


def test_a_program_from_elsewhere_has_none() -> None:
    assert acting("/home/a/passwd").program == ""
    assert acting("/tmp/passwd").program == ""
    assert acting("/usr/../home/a/passwd").program == ""
    assert acting("/usr/lib/.x/passwd").program == ""


def test_nor_by_another_way_of_writing_it() -> None:
    assert acting("/usr/sbin/../bin/passwd").program == "passwd"
    assert acting("/bin/sh", "/usr/sbin/../bin/dpkg").packaging


def test_a_shell_that_a_server_started_is_suspect() -> None:
    assert acting("/bin/sh", "/usr/sbin/nginx").suspicions == ("shell_under_server",)


def test_so_is_what_that_shell_starts() -> None:
    assert acting("/usr/bin/curl", "/bin/sh", "/bin/bash", "/usr/sbin/php-fpm8.2").suspicions == ("shell_under_server",)


def test_a_server_and_its_children_are_not() -> None:
    assert acting("/usr/sbin/nginx", "/usr/sbin/nginx").suspicions == ()
    assert acting("/usr/bin/convert", "/usr/sbin/nginx").suspicions == ()


def test_a_server_far_above_says_nothing() -> None:
    assert acting("/usr/bin/id", "/a/1", "/a/2", "/a/3", "/a/4", "/bin/sh", "/usr/bin/java").suspicions == ()


def test_what_runs_from_where_anyone_may_write_is_suspect() -> None:
    assert acting("/dev/shm/x").suspicions == ("exec_from_scratch",)
    assert acting("/opt/.hidden/x").suspicions == ("exec_from_scratch",)
    assert acting("/opt/x.d/x").suspicions == ()


def test_who_enters_a_running_container_is_suspect() -> None:
    entered = Process(docker="0a1b", in_init_tree=False)

    assert acting("/bin/bash", process=entered).suspicions == ("container_exec_session",)
    assert acting("/bin/bash", process=entered).contained


def test_who_belongs_to_it_or_is_not_known_to_enter_is_not() -> None:
    assert acting("/bin/bash", process=Process(docker="0a1b", in_init_tree=True)).suspicions == ()
    assert acting("/bin/bash", process=Process(docker="0a1b")).suspicions == ()
    assert acting("/bin/bash", process=Process(in_init_tree=False)).suspicions == ()


def test_a_probe_is_not() -> None:
    pod = msgspec.json.encode(Pod(container=Container(id="containerd://0a1b", maybe_exec_probe=True)))
    probe = Process(docker="0a1b", in_init_tree=False, raw_pod=msgspec.Raw(pod))

    assert acting("/bin/cat", process=probe).suspicions == ()


def test_a_package_manager_and_what_it_starts_are_packaging() -> None:
    assert acting("/usr/bin/dpkg").packaging
    assert acting("/bin/sh", "/var/lib/dpkg/info/x.postinst", "/usr/bin/dpkg", "/usr/bin/apt-get").packaging
    assert acting("/usr/bin/useradd", "/usr/bin/unattended-upgrade").packaging


def test_one_by_name_alone_is_not() -> None:
    assert not acting("/tmp/dpkg").packaging
    assert not acting("/bin/sh", "/home/a/apt").packaging
    assert not acting("/bin/sh", "/usr/../home/a/apt").packaging
    assert not acting("/usr//./../tmp/dpkg").packaging
    assert not acting("/usr/tmp/dpkg").packaging  # a link to /var/tmp, on some distributions
    assert not acting("/usr/lib/.x/dpkg").packaging
    assert not acting("/usr/bin/pipewire").packaging


INIT = "/usr/lib/systemd/systemd"
CONTAINED = Process(docker="0a1b", in_init_tree=True)


def test_a_service_is_what_init_started() -> None:
    assert acting("/usr/sbin/sshd", INIT).daemon
    assert acting("/usr/lib/openssh/sshd-session", "/usr/sbin/sshd", INIT).daemon


def test_who_starts_a_service_by_hand_has_none() -> None:
    assert not acting("/usr/sbin/sshd", "/bin/bash", "/usr/sbin/sshd", INIT).daemon
    assert not acting("/usr/sbin/rsyslogd", "/usr/bin/sudo", "/usr/sbin/sshd", INIT).daemon
    assert not acting("/usr/sbin/rsyslogd", "/usr/bin/python3", INIT).daemon
    assert not acting("/usr/sbin/rsyslogd", "/tmp/x", INIT).daemon


def test_what_any_argument_can_turn_is_no_service() -> None:
    assert not acting("/usr/bin/gzip", INIT).daemon
    assert not acting("/usr/bin/tar", INIT).daemon


def test_without_all_ancestors_nobody_knows_who_told_it() -> None:
    assert not acting("/usr/sbin/sshd", complete=False).daemon


def test_in_a_container_a_name_says_nothing() -> None:
    job = ("/etc/cron.daily/passwd", "/usr/bin/run-parts", "/usr/sbin/cron")

    assert not acting("/usr/sbin/sshd", INIT, process=CONTAINED).daemon
    assert not acting("/usr/sbin/useradd", process=CONTAINED, auid=1000).person
    assert not acting("/usr/bin/tar", process=CONTAINED, arguments="-c /etc").archiving
    assert not acting("/usr/bin/cp", *job, process=CONTAINED).backing_up


def test_a_person_is_who_logged_in() -> None:
    assert acting("/usr/sbin/useradd", "/usr/bin/sudo", "/bin/bash", auid=1000).person
    assert not acting("/usr/sbin/useradd", "/usr/bin/sudo", "/bin/bash").person
    assert not acting("/usr/bin/id", "/bin/sh", "/usr/sbin/nginx", auid=1000).person


def test_the_distributions_job_is_known_by_its_script_and_its_timer() -> None:
    assert acting("/usr/bin/cp", "/etc/cron.daily/passwd", "/usr/bin/run-parts", "/bin/sh", "/usr/sbin/cron").backing_up
    assert acting("/usr/bin/cp", "/etc/cron.daily/passwd", "/usr/bin/run-parts", "/usr/sbin/anacron").backing_up
    assert not acting("/usr/bin/cp", "/etc/cron.daily/passwd", "/bin/bash", "/usr/sbin/sshd").backing_up
    assert not acting("/usr/bin/cp", "/etc/cron.daily/evil", "/usr/bin/run-parts", "/usr/sbin/cron").backing_up
    assert not acting("/tmp/cp", "/etc/cron.daily/passwd", "/usr/bin/run-parts", "/usr/sbin/cron").backing_up


def test_arguments_count_of_what_packs_folders() -> None:
    assert acting("/usr/bin/tar", arguments="-c /etc").archiving == "-c /etc"
    assert acting("/usr/bin/cat", arguments="/etc/shadow").archiving == ""
    assert acting("/home/a/tar", arguments="-c /etc").archiving == ""
