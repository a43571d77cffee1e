"""A line for each kind of event, and what no line may hold."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings

from app.read.compact import SIGNS, compact
from app.read.paint import Choice, coloured, paint_for, plain
from schemas.operation import Kind
from tests.read.documents import COLOURS, documents, nested, unfit

EXPECTED = sorted(Path(__file__).parents[1].rglob("*.expected.json"))


def did(kind: str, event: str = "process_kprobe", binary: str | None = "/bin/x", **fields: Any) -> dict[str, Any]:
    """`fields` by dotted names, __ for a dot."""
    dotted = {name.replace("__", "."): value for name, value in fields.items()}
    operation = {"tetragon.operation.kind": kind} if kind else {}
    given = {"tetragon.event": event, "host.name": "n1", "process.executable": binary, **operation, **dotted}
    return nested({name: value for name, value in given.items() if value is not None})


def moved(side: str, address: str, port: int | None = None) -> dict[str, Any]:
    return {f"{side}__address": address, f"{side}__port": port}


SOCKET = {**moved("source", "10.0.0.5", 4711), **moved("destination", "203.0.113.5", 443), "network__transport": "tcp"}
IPV6 = {**moved("source", "fe80::1", 4711), **moved("destination", "::1", 53), "network__transport": "udp"}
POD = {"kubernetes__namespace": "shop", "kubernetes__pod__name": "web-0"}

LINES: list[tuple[dict[str, Any], str]] = [
    (did("", "process_exec", process__args=["x", "-a", "b c"]), '🚀 process n1 /bin/x -a "b c"'),
    (did("", "process_exec", **POD), "🚀 process shop/web-0 /bin/x"),
    (did("", "process_exec", event__action="already_running"), "🚀 process n1 /bin/x [already running]"),
    (did("", "process_exit", process__args=["x", "y"], process__exit_code=3), "💥 exit    n1 /bin/x y 3"),
    (did("", "process_exit", process__exit_code=0), "💥 exit    n1 /bin/x 0"),
    (did("", "process_exit", tetragon__exit__signal="SIGKILL"), "💥 exit    n1 /bin/x SIGKILL"),
    (did("mmap_exec", "process_loader", file__path="/lib/libc.so"), "🧬 loader  n1 /bin/x /lib/libc.so"),
    (
        did("", "process_throttle", None, event__action="throttle_start", tetragon__process_throttle__cgroup="a b"),
        '🧬 throttle n1 start "a b"',
    ),
    (
        did("", "rate_limit_info", None, tetragon__rate_limit_info__number_of_dropped_process_events=42),
        "🧬 dropped n1 42",
    ),
    (did("", "process_lsm", event__action="file_ioctl"), "🔒 LSM     n1 /bin/x file_ioctl"),
    (did("open", "process_lsm", file__path="/etc/shadow"), "🔒 open    n1 /bin/x /etc/shadow"),
    (
        did("", "process_uprobe", tetragon__process_uprobe__path="/l.so", tetragon__process_uprobe__symbol="SSL_write"),
        "🕵 uprobe  n1 /bin/x /l.so SSL_write",
    ),
    (did("", "process_usdt", tetragon__process_usdt__name="query"), "🕵 usdt    n1 /bin/x query"),
    (
        did("", "process_tracepoint", tetragon__process_tracepoint__event="sched_switch"),
        "⁉ tracepoint n1 /bin/x sched_switch",
    ),
    (did("", event__action="__do_it"), "❓ kprobe  n1 /bin/x __do_it"),
    (did("", "process_future", event__action="future"), "❓ future  n1 /bin/x future"),
    ({}, "❓ event  "),
    (did("access", file__path="/f"), "📚 access  n1 /bin/x /f"),
    (did("chdir", file__path="/d"), "📂 chdir   n1 /bin/x /d"),
    (did("chroot", file__path="/d"), "📂 chroot  n1 /bin/x /d"),
    (did("chmod", file__path="/f", file__mode="4755"), "🔖 chmod   n1 /bin/x /f 4755"),
    (did("chown", file__path="/f", file__uid="0", file__gid="4"), "🔖 chown   n1 /bin/x /f 0:4"),
    (did("close", file__path="/f"), "📪 close   n1 /bin/x /f"),
    (did("create", file__path="/f"), "📝 create  n1 /bin/x /f"),
    (did("execute", file__path="/bin/sh"), "🚀 execute n1 /bin/x /bin/sh"),
    (did("link", file__path="/new", file__target_path="/old"), "🔗 link    n1 /bin/x /new -> /old"),
    (did("symlink", file__path="/new", file__target_path="../old"), "🔗 symlink n1 /bin/x /new -> ../old"),
    (did("mkdir", file__path="/d"), "📁 mkdir   n1 /bin/x /d"),
    (did("mmap_exec", file__path="/l.so"), "🧬 mmap    n1 /bin/x /l.so"),
    (did("open", file__path="/f", event__outcome="failure", tetragon__operation__returned=-13),
     "📬 open    n1 /bin/x /f EACCES"),
    (did("open", tetragon__operation__path="relative"), "📬 open    n1 /bin/x relative"),
    (did("read", file__path="/f", tetragon__operation__size=17), "📚 read    n1 /bin/x /f 17 bytes"),
    (did("removexattr", file__path="/f", tetragon__operation__name="user.a"), "🔖 removexattr n1 /bin/x /f user.a"),
    (did("rename", file__path="/b", file__Ext__original__path="/a"), "🚚 rename  n1 /bin/x /a -> /b"),
    (did("rename", tetragon__operation__path="a", tetragon__operation__target="b"), "🚚 rename  n1 /bin/x a b"),
    (did("rmdir", file__path="/d"), "🚮 rmdir   n1 /bin/x /d"),
    (did("setattr", file__path="/f"), "🔖 setattr n1 /bin/x /f"),
    (did("setxattr", file__path="/f", tetragon__operation__name="a"), "🔖 setxattr n1 /bin/x /f a"),
    (did("truncate", file__path="/f", tetragon__operation__size=0), "📝 truncate n1 /bin/x /f 0 bytes"),
    (did("unlink", file__path="/f\n"), '🚮 unlink  n1 /bin/x "/f\\n"'),
    (did("utimes", file__path="/f"), "🔖 utimes  n1 /bin/x /f"),
    (did("write", file__path="/f"), "📝 write   n1 /bin/x /f"),
    (did("accept", **SOCKET), "🔌 accept  n1 /bin/x tcp 10.0.0.5:4711 -> 203.0.113.5:443"),
    (did("bind", **moved("destination", "0.0.0.0", 80)), "🔌 bind    n1 /bin/x 0.0.0.0:80"),
    (did("connect", **SOCKET), "🔌 connect n1 /bin/x tcp 10.0.0.5:4711 -> 203.0.113.5:443"),
    (did("connect", **IPV6), "🔌 connect n1 /bin/x udp [fe80::1]:4711 -> [::1]:53"),
    (did("connect", network__type="unix", destination__address="/run/a b"), '🔌 connect n1 /bin/x unix "/run/a b"'),
    (did("disconnect", **SOCKET), "🧹 close   n1 /bin/x tcp 10.0.0.5:4711 -> 203.0.113.5:443"),
    (did("drop", **SOCKET), "⛔ drop    n1 /bin/x tcp 10.0.0.5:4711 -> 203.0.113.5:443"),
    (did("listen", **moved("destination", "0.0.0.0", 80)), "🔌 listen  n1 /bin/x 0.0.0.0:80"),
    (did("receive", **SOCKET), "📥 recvmsg n1 /bin/x tcp 10.0.0.5:4711 -> 203.0.113.5:443"),
    (did("send", **SOCKET, tetragon__operation__size=9),
     "📤 sendmsg n1 /bin/x tcp 10.0.0.5:4711 -> 203.0.113.5:443 9 bytes"),
    (did("socket", network__transport="tcp"), "🔌 socket  n1 /bin/x tcp"),
    (did("capable", tetragon__operation__name="CAP_SYSLOG"), "🔑 capable n1 /bin/x CAP_SYSLOG"),
    (did("credentials", tetragon__operation__credentials__uid=33, tetragon__operation__credentials__euid=0),
     "🔑 creds   n1 /bin/x uid=33 euid=0"),
    (did("setcap", tetragon__operation__capabilities__effective=["CAP_CHOWN"]), "🔑 capset  n1 /bin/x CAP_CHOWN"),
    (did("setcap", tetragon__privilege__capabilities__gained=["CAP_A"],
         tetragon__privilege__capabilities__lost=list("abcdefg")),
     "🔑 capset  n1 /bin/x +CAP_A -a -b -c -d -e and 2 more"),
    (did("setgid", tetragon__operation__ids__effective=0), "🔑 setgid  n1 /bin/x 0"),
    (did("setuid", tetragon__operation__ids__real=1, tetragon__operation__ids__effective=0),
     "🔑 setuid  n1 /bin/x real=1 effective=0"),
    (did("setns", tetragon__operation__namespaces=["mnt"]), "🔧 setns   n1 /bin/x mnt"),
    (did("unshare", tetragon__operation__namespaces=["mnt", "user"]), "🔧 unshare n1 /bin/x mnt,user"),
    (did("bpf", tetragon__operation__bpf__program_type="BPF_PROG_TYPE_KPROBE", tetragon__operation__bpf__program="p",
         tetragon__operation__bpf__instructions=12),
     "🐝 bpf     n1 /bin/x BPF_PROG_TYPE_KPROBE p instruction count 12"),
    (did("bpf", tetragon__operation__bpf__map_type="BPF_MAP_TYPE_HASH", tetragon__operation__bpf__map="m"),
     "🗺 bpf     n1 /bin/x BPF_MAP_TYPE_HASH m"),
    (did("module_load", file__path="/x.ko"), "🧩 insmod  n1 /bin/x /x.ko"),
    (did("module_request", tetragon__operation__name="fs-xfs"), "🧩 modreq  n1 /bin/x fs-xfs"),
    (did("module_unload", tetragon__operation__name="m"), "🧩 rmmod   n1 /bin/x m"),
    (did("mount", tetragon__operation__path="/dev/sda1", tetragon__operation__target="/mnt",
         tetragon__operation__name="ext4"),
     "💾 mount   n1 /bin/x /dev/sda1 /mnt ext4"),
    (did("dns", dns__question__name="example.org"), "📖 dns     n1 /bin/x example.org"),
    (did("module", tetragon__operation__name="xt_mark"), "🧩 module  n1 /bin/x xt_mark"),
    (did("perf_event", tetragon__operation__name="f"), "🐝 perf    n1 /bin/x f"),
    (did("pivot_root", tetragon__operation__path="/new", tetragon__operation__target="/old"),
     "💾 pivot_root n1 /bin/x /new /old"),
    (did("ptrace", tetragon__operation__request=16, tetragon__operation__pid=7),
     "🔍 ptrace  n1 /bin/x request 16 pid 7"),
    (did("vm_write", tetragon__operation__pid=7), "🔍 vm_writev n1 /bin/x pid 7"),
    (did("splice", file__path="/f"), "📚 splice  n1 /bin/x /f"),
    (did("signal", tetragon__operation__request=9, tetragon__operation__pid=7), "⚡ signal  n1 /bin/x SIGKILL pid 7"),
    (did("signal", tetragon__operation__request=99), "⚡ signal  n1 /bin/x 99"),
    (did("syscall", tetragon__operation__name="x64", tetragon__operation__request=1), "☎ syscall n1 /bin/x x64 1"),
    (did("umount", tetragon__operation__path="/mnt"), "💾 umount  n1 /bin/x /mnt"),
    (did("write", file__path="/f", event__type=["change", "denied"]), "📝 write   n1 /bin/x /f denied"),
    (did("write", file__path="/f", event__outcome="failure"), "📝 write   n1 /bin/x /f failed"),
    (did("read", file__path="/etc/shadow", tetragon__fim__category="credentials.shadow", tetragon__fim__severity=4),
     "📚 read    n1 /bin/x /etc/shadow [credentials.shadow 4]"),
    (did("read", file__path="/f", tetragon__fim__category="binaries.system", tetragon__fim__severity=0),
     "📚 read    n1 /bin/x /f"),
    (did("read", file__path="/etc/shadow", tetragon__fim__category="credentials.shadow", tetragon__fim__severity=4,
         tetragon__findings=[{"rule": "escape.host_prefix", "severity": 4},
                             {"rule": "fim.credentials.shadow", "severity": 3}]),
     "📚 read    n1 /bin/x /etc/shadow [escape.host_prefix 4] [fim.credentials.shadow 3]"),
    (did("setuid", tetragon__privilege__tags=["uid_to_root", "service_to_root"], tetragon__privilege__severity=3),
     "🔑 setuid  n1 /bin/x [uid_to_root service_to_root 3]"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "line"), LINES, ids=[line for _, line in LINES])
def test_an_event_is_one_line(document: dict[str, Any], line: str) -> None:
    assert compact(document) == line


def test_every_kind_of_operation_has_a_sign_and_a_line_here() -> None:
    kinds = {kind for group in get_args(Kind) for kind in get_args(group)} or set(get_args(Kind))
    shown = {document.get("tetragon", {}).get("operation", {}).get("kind") for document, _ in LINES} - {None}

    assert set(SIGNS) == kinds
    assert shown == kinds


def test_colours_are_those_of_tetra() -> None:
    document = did(
        "read", file__path="/f", event__outcome="failure", tetragon__fim__category="a.b", tetragon__fim__severity=3
    )

    assert compact(document, coloured) == (
        "\x1b[34m📚 read   \x1b[0m \x1b[32mn1\x1b[0m \x1b[35m/bin/x\x1b[0m \x1b[36m/f\x1b[0m \x1b[31mfailed\x1b[0m "
        "\x1b[31m[a.b 3]\x1b[0m"
    )


def test_only_arguments_are_cut_for_want_of_room() -> None:
    document = did("", "process_exit", "/very/long/binary", process__args=["x", "a" * 50], process__exit_code=1)

    assert compact(document, plain, 10) == "💥 exit    n1 /very/long/binary aaaaaaaaa… 1"


@given(documents())
@settings(max_examples=400)
def test_no_document_makes_a_terminal_obey(document: dict[str, Any]) -> None:
    line = compact(document)

    assert unfit(line) == []
    assert COLOURS.sub("", compact(document, coloured)) == line


@pytest.mark.parametrize("file", EXPECTED, ids=lambda file: file.name)
def test_every_document_of_the_expected_ones_has_a_line_with_its_process(file: Path) -> None:
    for document in json.loads(file.read_bytes()):
        line = compact(document)
        assert document.get("process", {}).get("executable", "") in line
        assert "❓ event" not in line


@pytest.mark.parametrize(
    ("choice", "environment", "terminal", "expected"),
    [
        ("auto", {}, True, coloured),
        ("auto", {"NO_COLOR": ""}, True, coloured),
        ("auto", {"NO_COLOR": "1"}, True, plain),
        ("auto", {"TERM": "dumb"}, True, plain),
        ("auto", {}, False, plain),
        ("always", {"NO_COLOR": "1"}, False, coloured),
        ("never", {}, True, plain),
    ],
)
def test_colour_is_for_terminals_that_want_it(
    choice: Choice, environment: dict[str, str], terminal: bool, expected: Any
) -> None:
    assert paint_for(choice, environment, terminal=terminal) is expected
