"""Each hook of deploy/policies becomes the operation that the policy is there for; what is no policy is refused."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
import yaml

from app.check.policies import Policy, decoded, read_policies
from app.check.policy_files import policy_findings
from app.check.samples import TYPES
from schemas.operation.args import Argument, decode_arguments

FOLDER: Final = Path("deploy/policies")
FILES: Final = sorted(FOLDER.glob("*.yaml"))

# What the kernel's functions take, in its order; what is in brackets has no type of Tetragon's that is of use.
PROTOTYPES: Final[Mapping[str, str]] = {
    "__sys_setfsgid": "int",
    "__sys_setfsuid": "int",
    "__sys_setgid": "int",
    "__sys_setregid": "int int",
    "__sys_setresgid": "int int int",
    "__sys_setresuid": "int int int",
    "__sys_setreuid": "int int",
    "__sys_setuid": "int",
    "bpf_check": "(bpf_prog**) bpf_attr",
    "commit_creds": "cred",
    "create_user_ns": "cred",
    "do_splice": "file (loff_t*) file (loff_t*) size_t uint32",
    "do_init_module": "module",
    "free_module": "module",
    "inet_csk_accept": "sock",
    "inet_csk_listen_start": "sock",
    "security_capset": "cred cred cap_effective cap_inheritable cap_permitted",
    "security_file_open": "file",
    "security_file_permission": "file int",
    "security_file_truncate": "file",
    "security_kernel_load_data": "int",
    "security_kernel_module_request": "string",
    "security_kernel_read_file": "file int",
    "security_mmap_file": "file uint32 uint32",
    "security_move_mount": "path path",
    "security_path_chmod": "path uint16",
    "security_path_chown": "path uint32 uint32",
    "security_path_link": "dentry path dentry",
    "security_path_mkdir": "path dentry uint16",
    "security_path_mknod": "path dentry uint16 uint32",
    "security_path_rename": "path dentry path dentry uint32",
    "security_path_rmdir": "path dentry",
    "security_path_symlink": "path dentry string",
    "security_path_truncate": "path",
    "security_path_unlink": "path dentry",
    "security_socket_connect": "socket sockaddr_un int",
    "sys_chroot": "string",
    "sys_fsetxattr": "fd string (void*) size_t int",
    "sys_mknod": "string int uint32",
    "sys_mknodat": "int string int uint32",
    "sys_mount": "string string string uint64 (void*)",
    "sys_openat": "int string int uint16",
    "sys_pivot_root": "string string",
    "sys_process_vm_writev": "int (iovec*) uint64 (iovec*) uint64 uint64",
    "sys_ptrace": "int int uint64 uint64",
    "sys_setns": "int int",
    "sys_setxattr": "string string (void*) size_t int",
    "sys_umount": "string int",
    "sys_unshare": "int",
    "tcp_cleanup_rbuf": "sock int",
    "tcp_close": "sock int64",
    "tcp_connect": "sock",
    "tcp_sendmsg": "sock (msghdr*) size_t",
    "udp_sendmsg": "sock (msghdr*) size_t",
    "udpv6_sendmsg": "sock (msghdr*) size_t",
    "unix_stream_connect": "socket sockaddr_un int int",
}

# By hook, what its events become: the kinds in the order of the selectors, and what else must be read from the
# arguments. An argument's path and text name its place in the kernel's order: "/3" is the fourth.
EXPECTED: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "__sys_setfsgid": ("setgid", {"ids": {"fs": 0}}),
    "__sys_setfsuid": ("setuid", {"ids": {"fs": 0}}),
    "__sys_setgid": ("setgid", {"ids": {"effective": 0}, "returned": 0}),
    "__sys_setregid": ("setgid", {"ids": {"real": 0, "effective": 0}, "returned": 0}),
    "__sys_setresgid": ("setgid", {"ids": {"real": 0, "effective": 0, "saved": 0}, "returned": 0}),
    "__sys_setresuid": ("setuid", {"ids": {"real": 0, "effective": 0, "saved": 0}, "returned": 0}),
    "__sys_setreuid": ("setuid", {"ids": {"real": 0, "effective": 0}, "returned": 0}),
    "__sys_setuid": ("setuid", {"ids": {"effective": 0}, "returned": 0}),
    "bpf_check": ("bpf", {"bpf": {"program": "program", "program_type": "BPF_PROG_TYPE_KPROBE"}}),
    "commit_creds": ("credentials", {"credentials": {"uid": 0, "euid": 0}}),
    "create_user_ns": ("unshare", {"namespaces": ("user",)}),
    "do_splice": ("splice", {"path": "/0", "size": 1}),
    "do_init_module": ("module_load", {"name": "module", "module": {"name": "module"}}),
    "free_module": ("module_unload", {"name": "module"}),
    "inet_csk_accept": ("accept", {"socket": {"local": "192.0.2.1", "remote": "192.0.2.2", "remote_port": 443}}),
    "inet_csk_listen_start": ("listen", {"socket": {"local": "192.0.2.1", "local_port": 40000}}),
    "security_capset": (
        "setcap",
        {"capabilities": dict.fromkeys(("permitted", "effective", "inheritable"), ("CAP_CHOWN",)), "returned": 0},
    ),
    "security_file_open": ("open", {"path": "/0", "returned": 0}),
    "security_file_permission": ("write read", {"path": "/0", "flags": 2}),
    "security_file_truncate": ("truncate", {"path": "/0"}),
    "security_kernel_load_data": ("module_load", {"returned": 0}),
    "security_kernel_module_request": ("module_request", {"name": "/0"}),
    "security_kernel_read_file": ("module_load", {"path": "/0", "returned": 0}),
    "security_mmap_file": ("write read mmap_exec", {"path": "/0", "flags": 2}),
    "security_move_mount": ("mount", {"path": "/0", "target": "/1", "returned": 0}),
    "security_path_chmod": ("chmod", {"path": "/0", "mode": 0}),
    "security_path_chown": ("chown", {"path": "/0", "user": 0, "group": 0}),
    "security_path_link": ("link", {"path": "/0", "target": "/1/2"}),
    "security_path_mkdir": ("mkdir", {"path": "/0/1", "mode": 0}),
    "security_path_mknod": ("create", {"path": "/0/1", "mode": 0}),
    "security_path_rename": ("rename", {"path": "/0/1", "target": "/2/3"}),
    "security_path_rmdir": ("rmdir", {"path": "/0/1"}),
    "security_path_symlink": ("symlink", {"path": "/2", "target": "/0/1"}),
    "security_path_truncate": ("truncate", {"path": "/0"}),
    "security_path_unlink": ("unlink", {"path": "/0/1"}),
    "security_socket_connect": ("connect", {"socket": {"path": "/run/socket"}, "returned": 0}),
    "sys_chroot": ("chroot", {"path": "/0", "returned": 0}),
    "sys_fsetxattr": ("setxattr", {"path": "/0", "name": "/1"}),
    "sys_mknod": ("create", {"path": "/0", "mode": 0, "returned": 0}),
    "sys_mknodat": ("create", {"path": "/1", "mode": 0, "returned": 0}),
    "sys_mount": ("mount", {"path": "/0", "target": "/1", "name": "/2", "flags": 0, "returned": 0}),
    "sys_openat": ("open", {"path": "/1", "flags": 0, "returned": 0}),
    "sys_pivot_root": ("pivot_root", {"path": "/0", "target": "/1", "returned": 0}),
    "sys_process_vm_writev": ("vm_write", {"pid": 0, "returned": 0}),
    "sys_ptrace": ("ptrace", {"request": 16, "pid": 0, "returned": 0}),
    "sys_setns": ("setns", {"flags": 0, "returned": 0}),
    "sys_setxattr": ("setxattr", {"path": "/0", "name": "/1"}),
    "sys_umount": ("umount", {"path": "/0", "flags": 0, "returned": 0}),
    "sys_unshare": ("unshare", {"flags": 0, "returned": 0}),
    "tcp_cleanup_rbuf": ("receive", {"socket": {"remote": "192.0.2.2"}, "size": 0}),
    "tcp_close": ("disconnect", {"socket": {"remote": "192.0.2.2"}}),
    "tcp_connect": ("connect", {"socket": {"remote": "192.0.2.2", "remote_port": 443}}),
    "tcp_sendmsg": ("send", {"socket": {"remote": "192.0.2.2"}, "size": 0}),
    "udp_sendmsg": ("send", {"socket": {"remote": "192.0.2.2", "remote_port": 443}}),
    "udpv6_sendmsg": ("send", {"socket": {"remote": "192.0.2.2", "remote_port": 443}}),
    "unix_stream_connect": ("connect", {"socket": {"path": "/run/socket"}, "returned": 0}),
}


def policies(file: Path) -> list[Policy]:
    return read_policies(file.read_bytes(), str(file))


HOOKS: Final = [(file.stem, hook) for file in FILES for policy in policies(file) for hook in decoded(policy)]


def test_there_are_policies_and_each_hook_is_in_one_of_them() -> None:
    assert [file.stem for file in FILES] == [
        "credentials",
        "escape-sockets",
        "escape",
        "file-integrity",
        "kernel",
        "network-bytes",
        "network-udp",
        "network-unix",
        "network",
        "privilege",
    ]
    assert sorted(hook.hook for _, hook in HOOKS) == sorted(EXPECTED) == sorted(PROTOTYPES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_policy_is_named_like_its_file_and_says_what_goes_blind_without_it_and_what_it_costs(file: Path) -> None:
    [policy] = policies(file)
    comment = file.read_text("utf-8").partition("apiVersion")[0]
    assert policy.metadata.name == f"tetrastash-{file.stem}"
    assert policy.kind == "TracingPolicy"
    assert all(line.startswith("#") for line in comment.splitlines())
    assert re.search(r"Without it", comment)
    assert re.search(r"Cost: ", comment)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_hook_that_the_kernel_lacks_does_not_keep_the_others_from_loading(file: Path) -> None:
    for hook in yaml.safe_load(file.read_bytes())["spec"]["kprobes"]:
        assert hook["ignore"] == {"callNotFound": True}, hook["call"]
        assert hook["syscall"] is hook["call"].startswith("sys_"), hook["call"]
        assert hook.get("return", False) is ("returnArg" in hook), hook["call"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_arguments_are_where_the_kernel_has_them_and_selectors_speak_of_them(file: Path) -> None:
    for hook in yaml.safe_load(file.read_bytes())["spec"]["kprobes"]:
        taken = PROTOTYPES[hook["call"]].split()
        asked = {each["index"]: each["type"] for each in hook["args"]}
        assert len(hook["args"]) <= 5, "Tetragon takes five"
        assert list(asked) == sorted(asked)
        assert {index: kind for index, kind in asked.items() if kind != "nop"} == {
            index: taken[index] for index, kind in asked.items() if kind != "nop"
        }, hook["call"]
        selectors = hook.get("selectors", [])
        assert len(selectors) <= 5, "Tetragon takes five"
        for selector in selectors:
            matches = selector.get("matchArgs", [])
            assert {match["index"] for match in matches} <= set(asked)
            compared = {(asked[match["index"]], match["operator"]) for match in matches}
            assert not {kind for kind, _ in compared} & {"uint16"}, "Tetragon 1.5 and 1.6 refuse it"
            assert {operator for kind, operator in compared if kind == "dentry"} <= {"Prefix", "Postfix"}


@pytest.mark.parametrize(("file", "hook"), HOOKS, ids=[f"{file}-{hook.hook}" for file, hook in HOOKS])
def test_a_hooks_events_become_the_operation_that_it_is_there_for(file: str, hook: Any) -> None:
    kinds, fields = EXPECTED[hook.hook]
    assert hook.named, f"{file}.yaml: {hook.hook} would be known by its arguments alone"
    assert " ".join(hook.kinds) == kinds
    first = msgspec.to_builtins(hook.operations[0])
    for name, value in fields.items():
        found = first.get(name)
        shown = {key: found[key] for key in value} if isinstance(value, dict) else found
        assert shown == value, name


# By the types that a policy takes, where the operation has what they tell. Numbers and texts mean what the hook says.
TOLD: Final[Mapping[str, str]] = {
    **dict.fromkeys(("file", "fd", "kiocb", "path", "dentry", "linux_binprm"), "path target"),
    **dict.fromkeys(("sock", "socket", "skb", "sockaddr", "sockaddr_un"), "socket"),
    **dict.fromkeys(("cap_effective", "cap_inheritable", "cap_permitted", "kernel_cap_t"), "capabilities"),
    **dict.fromkeys(("module", "load_info"), "module"),
    **dict.fromkeys(("bpf_attr", "bpf_prog", "bpf_map", "bpf_cmd"), "bpf"),
    "capability": "name",
    "cred": "credentials",
    "perf_event": "name",
    "syscall64": "request",
    "user_namespace": "namespace",
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_policy_takes_is_where_an_operation_has_it(file: Path) -> None:
    for policy in policies(file):
        hooks = [*policy.spec.kprobes, *policy.spec.fentries, *policy.spec.tracepoints, *policy.spec.lsmhooks]
        found = {hook.hook: hook.operations for hook in decoded(policy)}
        for hook in hooks:
            name = next(
                getattr(hook, member) for member in ("call", "hook", "event") if getattr(hook, member, None) is not None
            )
            [operations] = [each for at, each in found.items() if at.rpartition("/")[2] == name]
            taken = [*hook.args, *([hook.returnArg] if hook.returnArg is not None else [])]
            for place in {TOLD[each.type] for each in taken if each.type in TOLD}:
                for operation in operations:
                    held = [getattr(operation, member) for member in place.split()]
                    assert any(each not in (None, "") for each in held), f"{file}: {name} tells no {place}"


@pytest.mark.parametrize("kind", TYPES)
def test_a_sample_of_each_type_is_an_argument_that_can_be_read(kind: str) -> None:
    member, sample = TYPES[kind]
    [argument] = decode_arguments(msgspec.json.encode([{member: sample(1, 2), "label": "a"}]))
    assert argument.label == "a"
    if member != "bytes_arg":  # which no operation needs
        assert getattr(argument, member) is not None
        assert member in Argument.__struct_fields__


HEAD: Final = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: mine\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no policy"),
        ("---\n---\n", "holds no policy"),
        ("- a\n", "line 1: there is ['a']"),
        (f"{HEAD}spec:\n  kprobes: [\n", "Expected YAML"),
        ("\xff", "Expected YAML"),
        (f"{HEAD}spec:\n  kprobes:\n    - call: x\n    - {{}}\n", "line 8: 'call' is missing"),
        (f"{HEAD}spec:\n  kprobes:\n    - call: 7\n", "line 7: 'call' is 7"),
        (f"{HEAD}spec: {{}}\nspec: {{}}\n", "line 6: 'spec' stands in line 5 already"),
        (f"{HEAD}spce: {{}}\n", "line 5: 'spce' is unknown here."),
        (HEAD.replace("name: mine", "name: My_Policy") + "spec: {}\n", "line 4: 'name' is 'My_Policy'"),
        (HEAD.replace("v1alpha1", "v2") + "spec: {}\n", "line 1: 'apiVersion' is 'cilium.io/v2'"),
        (HEAD.replace("TracingPolicy", "ConfigMap") + "spec: {}\n", "line 2: 'kind' is 'ConfigMap'"),
        (
            f"{HEAD}spec:\n  kprobes:\n    - call: x\n      args:\n        - {{index: 0, type: fiel}}\n",
            "line 9: there is no type 'fiel'.",
        ),
        (
            f"{HEAD}spec: {{}}\n---\n{HEAD}spec:\n  lsmhooks:\n    - huk: file_open\n",
            "line 13: 'hook' is missing",
        ),
        (
            f"{HEAD}spec:\n  kprobes:\n    - call: x\n      args:\n        - {{index: -1, type: int}}\n",
            "line 9: 'index' is -1",
        ),
    ],
)
def test_a_file_that_is_no_policy_is_refused_with_the_line(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(text.encode("latin-1"))
    [finding] = policy_findings([str(file)])
    assert finding.status == "failed"
    assert str(file) in finding.text
    assert sentence in f"{finding.text} {finding.todo}"


def test_a_path_without_a_policy_is_refused(tmp_path: Path) -> None:
    [finding] = policy_findings([str(tmp_path)])
    assert "holds no .yaml file" in finding.text
    [finding] = policy_findings([str(tmp_path / "none.yaml")])
    assert "cannot be read: No such file" in finding.text


MIXED: Final = f"""{HEAD}spec:
  kprobes:
    - call: security_file_open
      syscall: false
      args: [{{index: 0, type: file}}]
    - call: my_driver_open
      syscall: false
      args: [{{index: 1, type: path}}, {{index: 2, type: auto}}]
    - call: my_driver_ioctl
      syscall: false
      args: [{{index: 0, type: int}}]
    - call: list:calls
  tracepoints:
    - subsystem: raw_syscalls
      event: sys_enter
      args: [{{index: 4, type: syscall64}}]
  lsmhooks:
    - hook: bprm_check_security
      args: [{{index: 0, type: linux_binprm}}]
      selectors:
        - matchArgs: [{{index: 0, operator: Equal, values: [/bin/sh]}}]
  uprobes:
    - path: /usr/lib/libssl.so
      symbols: [SSL_write]
      args: [{{index: 0, type: uint64}}]
  loader: true
---
{HEAD.replace("mine", "empty")}spec: {{}}
"""


def test_hooks_are_told_apart_by_what_becomes_of_them(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(MIXED)
    assert [(finding.status, finding.text) for finding in policy_findings([str(tmp_path)])] == [
        (
            "ok",
            f"mine ({file}): security_file_open (open), raw_syscalls/sys_enter (syscall), bprm_check_security "
            "(execute), loader (mmap_exec)",
        ),
        ("warning", f"mine ({file}): known by the types of their arguments alone: my_driver_open (access)."),
        (
            "warning",
            f"mine ({file}): carried as they are: my_driver_ioctl, list:calls, /usr/lib/libssl.so SSL_write.",
        ),
        ("warning", f"empty ({file}) asks for no hook."),
    ]
