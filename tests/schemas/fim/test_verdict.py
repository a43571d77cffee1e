from typing import Any

import pytest

from schemas.actor import Actor
from schemas.fim.backups import is_packed
from schemas.fim.classifier import Classifier
from schemas.fim.taxonomy import built_in
from schemas.fim.verdict import Verdict, judge
from schemas.operation import Kind, Operation

CLASSIFIER = Classifier(built_in())


def actor(
    program: str = "",
    contained: bool = False,
    suspicions: tuple[str, ...] = (),
    packaging: bool = False,
    daemon: bool = False,
    person: bool = False,
    backing_up: bool = False,
) -> Actor:
    return Actor(program, contained, suspicions, packaging, daemon, person, "", backing_up)


def verdict(path: str, kind: Kind, by: Actor, **more: Any) -> Verdict:
    operation = Operation(kind, "hook", path=path, **more)
    classified = CLASSIFIER.classify(path)
    assert classified.knowledge is not None
    return judge(classified, classified.knowledge, operation, operation.changes_file, by)


NOBODY = actor()
CONTAINED = actor(contained=True)
WEB_SHELL = actor(suspicions=("shell_under_server", "exec_from_scratch"))
DPKG = actor("dpkg", packaging=True)
SUID = {"mode": 0o4755}

CASES: dict[str, tuple[Verdict, int, str]] = {
    "reading passwords": (verdict("/etc/shadow", "read", NOBODY), 3, ""),
    "changing passwords": (verdict("/etc/shadow", "write", NOBODY), 4, ""),
    "reading what anyone may read": (verdict("/etc/passwd", "read", NOBODY), 0, ""),
    "packing a log away": (verdict("/var/log/syslog.2.gz", "create", actor("gzip")), 2, "owner"),
    "removing a log": (verdict("/var/log/syslog", "unlink", actor("rm")), 3, ""),
    "a library": (verdict("/usr/lib/libc.so.6", "mmap_exec", NOBODY), 0, ""),
    "from a container, on the host": (verdict("/host/etc/crontab", "write", CONTAINED), 4, "host_root"),
    "from a container, in its own root": (verdict("/proc/self/root/etc/crontab", "write", CONTAINED), 3, ""),
    "from a container, on the host by its own root": (
        verdict("/proc/self/root/host/etc/crontab", "write", CONTAINED),
        4,
        "host_root",
    ),
    "from a container, under the name of a package manager": (
        verdict("/host/etc/crontab", "write", actor("dpkg", contained=True, packaging=True)),
        4,
        "host_root",
    ),
    "from a container, under the name of whose work it is": (
        verdict("/host/etc/shadow", "read", actor("passwd", contained=True)),
        4,
        "host_root",
    ),
    "from the host, in a container": (verdict("/proc/7/root/etc/crontab", "write", NOBODY), 3, ""),
    "in a container": (verdict("/etc/crontab", "write", CONTAINED), 3, ""),
    "several suspicions are one step": (
        verdict("/run/secrets/kubernetes.io/serviceaccount/token", "read", WEB_SHELL),
        3,
        "shell_under_server exec_from_scratch",
    ),
    "no more than critical": (
        verdict("/host/etc/shadow", "write", actor("", contained=True, suspicions=("exec_from_scratch",))),
        4,
        "host_root exec_from_scratch",
    ),
    "a set-id bit": (verdict("/usr/local/bin/x", "chmod", NOBODY, **SUID), 3, "set_id"),
    "a set-id bit that was there": (
        verdict("/usr/local/bin/x", "chmod", NOBODY, permission="-rwsr-xr-x", **SUID),
        2,
        "",
    ),
    "a set-group-id bit": (verdict("/usr/local/bin/x", "chmod", NOBODY, mode=0o2755), 3, "set_id"),
    "a set-id bit beside another": (
        verdict("/usr/local/bin/x", "chmod", NOBODY, permission="-rwxr-sr-x", mode=0o6755),
        3,
        "set_id",
    ),
    "a set-id bit from the beginning": (verdict("/tmp/x", "create", NOBODY, **SUID), 2, "set_id"),
    "a scratch file that can be run from the beginning": (verdict("/tmp/x", "create", NOBODY, mode=0o755), 1, ""),
    "a mode that nobody tells": (verdict("/tmp/x", "chmod", NOBODY), 1, ""),
    "a folder for a group": (
        verdict("/usr/local/bin/x", "chmod", NOBODY, permission="drwxr-xr-x", mode=0o2775),
        2,
        "",
    ),
    "a scratch folder to be entered": (verdict("/tmp/x", "chmod", NOBODY, permission="drw-------", mode=0o700), 1, ""),
    "a scratch file that could be run with rights": (
        verdict("/tmp/x", "chmod", NOBODY, permission="-rws------", mode=0o4711),
        1,
        "",
    ),
    "a scratch file for others alone to be run": (
        verdict("/tmp/x", "chmod", NOBODY, mode=0o601),
        2,
        "scratch_made_executable",
    ),
    "a scratch file for its group alone to be run": (
        verdict("/tmp/x", "chmod", NOBODY, mode=0o610),
        2,
        "scratch_made_executable",
    ),
    "a scratch file to be run": (verdict("/tmp/x", "chmod", NOBODY, mode=0o755), 2, "scratch_made_executable"),
    "a scratch file that could be run": (
        verdict("/tmp/x", "chmod", NOBODY, mode=0o700, permission="-rwx------"),
        1,
        "",
    ),
    "both, in one step": (verdict("/tmp/x", "chmod", NOBODY, **SUID), 2, "set_id scratch_made_executable"),
    "file capabilities": (verdict("/tmp/x", "setxattr", NOBODY, name="security.capability"), 2, "file_capability"),
    "another attribute": (verdict("/etc/shadow", "setxattr", NOBODY, name="system.posix_acl_access"), 4, ""),
    "a note on a file": (verdict("/etc/shadow", "setxattr", NOBODY, name="user.comment"), 1, "user_attribute"),
    "a note that is removed": (verdict("/tmp/x", "removexattr", NOBODY, name="user.comment"), 1, "user_attribute"),
    "a package manager": (verdict("/usr/bin/ls", "write", DPKG), 1, "package_manager"),
    "a package manager, where a floor is": (
        verdict("/etc/passwd", "write", actor("useradd", packaging=True)),
        1,
        "package_manager owner",
    ),
    "a package manager that fails, where a floor is": (
        verdict("/etc/passwd", "write", DPKG, returned=-1),
        1,
        "package_manager failed",
    ),
    "a floor raises nothing": (verdict("/etc/passwd", "read", DPKG), 0, "package_manager"),
    "whose work it is": (verdict("/etc/shadow", "write", actor("passwd")), 3, "owner"),
    "whose work it is not": (verdict("/etc/shadow", "write", actor("unix_chkpwd")), 4, ""),
    "whose work it is, in a container": (verdict("/etc/shadow", "write", actor("passwd", contained=True)), 3, "owner"),
    "for somebody who logged in": (
        verdict("/etc/shadow", "write", actor("useradd", person=True)),
        2,
        "owner logged_in",
    ),
    "an editor for somebody who logged in": (verdict("/etc/shadow", "write", actor("vipw", person=True)), 3, "owner"),
    "another tool for somebody": (verdict("/var/spool/cron/x", "write", actor("crontab", person=True)), 2, "owner"),
    "a service": (verdict("/etc/shadow", "read", actor("sshd", daemon=True)), 1, "owner service"),
    "a service's own, and no less than low": (
        verdict("/etc/shadow", "open", actor("sshd", daemon=True), flags=0, returned=-13),
        1,
        "owner service failed",
    ),
    "a service that has no business there": (verdict("/etc/shadow", "read", actor("rsyslogd", daemon=True)), 3, ""),
    "the daily copy": (verdict("/etc/shadow", "read", actor("cp", backing_up=True)), 1, "backup_job"),
    "the daily copy that fails": (
        verdict("/etc/shadow", "read", actor("cp", backing_up=True), returned=-1),
        1,
        "backup_job failed",
    ),
    "the copy itself": (verdict("/var/backups/shadow.bak", "create", actor("cp", backing_up=True)), 0, "backup_job"),
    "no copy but a change": (verdict("/etc/shadow", "write", actor("cp", backing_up=True)), 4, ""),
    "a call that failed": (verdict("/etc/shadow", "open", NOBODY, flags=0, returned=-13), 2, "failed"),
    "a call that was denied": (verdict("/etc/shadow", "open", NOBODY, flags=0, denied=True), 2, "failed"),
    "no less than none": (verdict("/tmp/x", "unlink", DPKG, returned=-2), 0, "package_manager failed"),
}


@pytest.mark.parametrize(("found", "severity", "reasons"), CASES.values(), ids=CASES)
def test_a_verdict_counts_what_raises_and_what_lowers_it(found: Verdict, severity: int, reasons: str) -> None:
    assert (found.severity, list(found.reason[1:])) == (severity, reasons.split())


def test_what_is_of_no_weight_names_no_technique() -> None:
    assert verdict("/usr/lib/libc.so.6", "read", NOBODY).technique == ()
    assert verdict("/usr/lib/libc.so.6", "write", NOBODY).technique == ("T1574.006", "T1554")


def test_what_is_packed_for_a_backup_is_less_grave_to_read_and_no_less_to_change() -> None:
    classified = CLASSIFIER.classify("/etc/shadow")
    assert classified.knowledge is not None
    by = actor("tar")

    read = judge(classified, classified.knowledge, Operation("read", "hook", path="/etc/shadow"), False, by, True)
    write = judge(classified, classified.knowledge, Operation("write", "hook", path="/etc/shadow"), True, by, True)

    assert (read.severity, read.reason[-1]) == (2, "backup")
    assert (write.severity, write.reason) == (4, ("credentials.shadow",))


@pytest.mark.parametrize(
    ("path", "arguments", "packed"),
    [
        ("/etc/shadow", "--create --gzip --file /var/backups/etc.tar.gz /etc", True),
        ("/etc/shadow", "-czf /var/backups/etc.tar.gz /etc/", True),
        ("/etc/shadow", "--file=/var/backups/etc.tar.gz /etc", True),
        ("/etc/shadow", "-a /etc/ /var/backups/etc", True),
        ("/etc/shadow", "-czf /tmp/etc.tar.gz /etc", False),
        ("/etc/shadow", "-czf /var/backups/s.tar.gz /etc/shadow", False),
        ("/etc/shadow", "-czf /var/backups/s.tar.gz -C /etc shadow", False),
        ("/etc/shadow", "-czf /var/backups/s.tar.gz --directory=/etc ./shadow", False),
        ("/etc/shadow", "-C / -czf /var/backups/etc.tar.gz etc", True),
        ("/etc/shadow", "-czf /var/backups/etc.tar.gz /etc /etc/shadow", False),
        ("/etc/shadow", "-czf /var/backups/x.tar.gz /", True),
        ("/root/.ssh/id_rsa", "-czf /var/backups/etc.tar.gz /etc", False),
        ("/etc/shadow", "", False),
    ],
)
def test_a_backup_takes_a_whole_folder_to_where_backups_lie(path: str, arguments: str, packed: bool) -> None:
    assert is_packed(path, arguments, CLASSIFIER) is packed
