"""Command lines that are a way out of a container, and those that look like one."""

import pytest

from schemas.escape.programs import enters_first, reading
from schemas.fim.classifier import Classifier
from schemas.fim.taxonomy import built_in

READ = reading(Classifier(built_in()))

TOLD = [
    ("nsenter", "-t 1 -m sh", "nsenter"),
    ("nsenter", "-t1 -a", "nsenter"),
    ("nsenter", "--target 1 --mount", "nsenter"),
    ("nsenter", "--tar=1 --mount", "nsenter"),
    ("nsenter", "-S 0 --target=1 -- sh", "nsenter"),
    ("nsenter", "-at 1 bash", "nsenter"),
    ("nsenter", "--net=/host/proc/1/ns/net ip a", "nsenter"),
    ("busybox", "nsenter -t 1 sh", "nsenter"),
    ("chroot", "/host sh", "chroot_host"),
    ("chroot", "--skip-chdir /proc/1/root", "chroot_host"),
    ("toybox", "chroot /hostfs /bin/sh", "chroot_host"),
    ("mount", "/dev/xvda1 /mnt", "mount"),
    ("mount", "-o ro /dev/mapper/root /mnt", "mount"),
    ("mount", "LABEL=root /mnt", "mount"),
    ("mount", "-t cgroup2 none /c", "mount"),
    ("mount", "-tproc none /p", "mount"),
    ("curl", "-s --unix-socket=/var/run/docker.sock http://localhost/info", "runtime_socket"),
    ("socat", "- UNIX-CONNECT:/run/containerd/containerd.sock", "runtime_socket"),
    ("nc", "-U /var/run/docker.sock", "runtime_socket"),
    ("docker", "--host=unix:///x/y ps", "runtime_socket"),
    ("ctr", "-a /run/k3s/containerd/containerd.sock c ls", "runtime_socket"),
    ("crictl", "-r unix:///run/crio/crio.sock ps", "runtime_socket"),
    ("wget", "-qO- http://169.254.169.254/latest/", "metadata_service"),
    ("curl", "http://[fd00:ec2::254]/latest/", "metadata_service"),
    ("curl", "http://user@METADATA.google.internal:80/", "metadata_service"),
    ("amicontained", "", "tool"),
    ("traitor-amd64", "-a", "tool"),
    ("python3.11", "-u /opt/kube-hunter.py", "tool"),
    ("bash", "-x ./deepce.sh", "tool"),
    ("capsh", "--print", "tool"),
    ("runc", "exec -w /proc/self/fd/7 c sh", "runtime_overwritten"),
]
NOT_TOLD = [
    ("nsenter", "-t 11 -m sh"),
    ("nsenter", "-n -- ping -t 1 x"),
    ("nsenter", "-t"),
    ("nsenter", "--t 1"),  # --time or --target
    ("nsenter", "--time=1"),
    ("chroot", "/srv/jail sh"),
    ("chroot", ""),
    ("chroot", "/proc/self/root sh"),
    ("mount", ""),
    ("mount", "-t tmpfs none /dev/shm/x"),
    ("mount", "--bind /proc /x/proc"),
    ("mount", "-o bind /dev/null /etc/x"),
    ("curl", "--unix-socket /run/app.sock http://localhost/"),
    ("curl", "http://169.254.169.25/"),
    ("curl", "http://example.com/169.254.169.254"),
    ("python3", "-c print('deepce')"),
    ("bash", "-c deepce"),
    ("cdk", "diff"),
    ("cdk8s", "synth"),
    ("runc", "exec --cwd /srv c sh"),
    ("nginx", "-g daemon off;"),
]


@pytest.mark.parametrize(("name", "arguments", "rule"), TOLD)
def test_a_command_line_that_is_a_way_out(name: str, arguments: str, rule: str) -> None:
    assert rule in {sign.rule for sign in READ(name, arguments, True)}


@pytest.mark.parametrize(("name", "arguments"), NOT_TOLD)
def test_a_command_line_that_only_looks_like_one(name: str, arguments: str) -> None:
    found = {sign.rule for sign in READ(name, arguments, True) if not sign.condition}

    assert found == set()


def test_on_the_host_only_two_kinds_of_programs_are_read() -> None:
    told = {(name, sign.rule) for name, arguments, _ in TOLD for sign in READ(name, arguments, False) if sign.condition}

    assert {rule for _, rule in told} == {"metadata_service", "runtime_overwritten"}
    assert {name for name, _ in told} <= {"curl", "docker", "runc", "wget"}


def test_only_nsenter_enters() -> None:
    assert enters_first("nsenter", "-t 1")
    assert not enters_first("sh", "-t 1")
