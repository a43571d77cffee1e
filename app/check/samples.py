"""What Tetragon would write for an argument that a policy asks for: by its type, a member and a value."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final

_ADDRESSES: Final = {"saddr": "192.0.2.1", "daddr": "192.0.2.2", "sport": 40000, "dport": 443}

Sample = Callable[[int, int], Any]  # of the argument's index, and of the number that a selector asks for


def _number(_: int, number: int) -> Any:
    return number


def _text_number(_: int, number: int) -> Any:
    return str(number)  # 64 bits


def _path(index: int, _: int) -> Any:
    return {"path": f"/{index}", "permission": "-rw-r--r--"}


def _of(value: Any) -> Sample:
    return lambda _index, _number: value


def _each(types: str, member: str, sample: Sample) -> dict[str, tuple[str, Sample]]:
    return dict.fromkeys(types.split(), (member, sample))


TYPES: Final[Mapping[str, tuple[str, Sample]]] = {
    **_each("string filename data_loc net_device", "string_arg", lambda index, _: f"/{index}"),
    **_each("int int32 sint32 int16 sint16 int8 sint8", "int_arg", _number),
    **_each("uint32 uint16 uint8", "uint_arg", _number),
    **_each("size_t uint64 ulong", "size_arg", _text_number),
    **_each("int64 sint64 long", "long_arg", _text_number),
    **_each("char_buf char_iovec iov_iter const_buf", "bytes_arg", _of(b64encode(b"bytes").decode())),
    **_each("file fd kiocb", "file_arg", _path),
    **_each("path dentry", "path_arg", _path),
    **_each("linux_binprm", "linux_binprm_arg", _path),
    **_each("sock socket", "sock_arg", _of({"family": "AF_INET", "type": "SOCK_STREAM", **_ADDRESSES})),
    **_each("skb", "skb_arg", _of({"family": "AF_INET", "len": 60, **_ADDRESSES})),
    **_each("sockaddr", "sockaddr_arg", _of({"family": "AF_INET", "addr": "192.0.2.2", "port": 443})),
    **_each("sockaddr_un", "sockaddrun_arg", _of({"family": "AF_UNIX", "path": "/run/socket"})),
    **_each("cred", "process_credentials_arg", _of({"uid": 0, "euid": 0})),
    **_each("user_namespace", "user_ns_arg", _of({"level": 0, "uid": 0, "gid": 0})),
    **_each("capability", "capability_arg", lambda _, number: {"value": number}),
    **_each("kernel_cap_t", "kernel_cap_t_arg", _of("0000000000000001")),
    **_each("cap_inheritable", "cap_inheritable_arg", _of("0000000000000001")),
    **_each("cap_permitted", "cap_permitted_arg", _of("0000000000000001")),
    **_each("cap_effective", "cap_effective_arg", _of("0000000000000001")),
    **_each("load_info module", "module_arg", _of({"name": "module"})),
    **_each("bpf_attr", "bpf_attr_arg", _of({"ProgType": "BPF_PROG_TYPE_KPROBE", "ProgName": "program"})),
    **_each("bpf_prog", "bpf_prog_arg", _of({"ProgType": "BPF_PROG_TYPE_KPROBE", "ProgName": "program"})),
    **_each("bpf_map", "bpf_map_arg", _of({"MapType": "BPF_MAP_TYPE_HASH", "MapName": "map"})),
    **_each("bpf_cmd", "bpf_cmd_arg", _of("BPF_PROG_LOAD")),
    **_each("perf_event", "perf_event_arg", _of({"KprobeFunc": "function", "Type": "PERF_TYPE_TRACEPOINT"})),
    **_each("syscall64", "syscall_id", lambda _, number: {"id": number, "abi": "x64"}),
}
# Of these nothing can be said: the one is left out, the other's type is the kernel's.
WITHOUT_SAMPLE: Final = frozenset(("nop", "auto"))


def argument(kind: str, index: int, number: int, label: str) -> dict[str, Any] | None:
    """None for what Tetragon leaves out of `args`, and for a type that is unknown."""
    if kind not in TYPES:
        return None
    member, sample = TYPES[kind]
    return {member: sample(index, number), **({"label": label} if label else {})}
