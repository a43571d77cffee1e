"""Hooks about credentials, capabilities, namespaces, mounts, modules, BPF and other processes."""

from typing import Any, Final

from schemas.capabilities import CAPABILITIES, capabilities_of
from schemas.operation.args import (
    CapabilityArgument,
    MapArgument,
    ModuleArgument,
    OldUserNamespace,
    PerfArgument,
    ProgramArgument,
)
from schemas.operation.file_hooks import texts_of, where
from schemas.operation.given import Given, Reader, hooks, kernel_path, user_path
from schemas.operation.shape import (
    CLONE_NEWUSER,
    Bpf,
    CapabilitySets,
    Ids,
    Kind,
    Module,
    Operation,
    PrivilegeKind,
)
from schemas.tetragon import Capabilities, UserNamespace

_UNCHANGED: Final = 2**32 - 1
_LOADING_MODULE: Final = 2
_WITH_PARAMETERS: Final = ("sys_init_module", "sys_finit_module")  # for the module: it has no name yet
# Their names are those of schemas.tetragon.Namespaces.
_NAMESPACES: Final = (
    (0x2_0000, "mnt"),
    (0x200_0000, "cgroup"),
    (0x400_0000, "uts"),
    (0x800_0000, "ipc"),
    (CLONE_NEWUSER, "user"),
    (0x2000_0000, "pid"),
    (0x4000_0000, "net"),
    (0x80, "time"),
)


def namespaces_of(flags: int | None) -> tuple[str, ...]:
    return tuple(name for bit, name in _NAMESPACES if flags is not None and flags & bit)


def asked(kind: PrivilegeKind, *members: str) -> Reader:
    """The call's numbers are ids, in the order of `members` of Ids. Of some of them alone it is not told which."""

    def read(given: Given) -> tuple[Operation, ...]:
        complete = len(given.numbers) >= len(members)
        ids = {member: _id(number) for member, number in zip(members, given.numbers, strict=False) if complete}
        return (given.operation(kind, ids=Ids(**ids) if ids else None),)

    return read


def _id(number: int) -> int | None:
    return None if number in (-1, _UNCHANGED) else number & _UNCHANGED


def committed(given: Given) -> tuple[Operation, ...]:
    old: Capabilities | None = given.first("cred_arg")
    return (
        given.operation(
            "credentials",
            credentials=given.first("process_credentials_arg"),
            capabilities=sets_of(old) if old is not None else None,
        ),
    )


def sets_of(held: Capabilities) -> CapabilitySets:
    return CapabilitySets(_named(held.permitted), _named(held.effective), _named(held.inheritable))


def _named(names: Any) -> tuple[str, ...]:
    # Tetragon's protobuf has one name without the prefix that the kernel, ECS and rules give it.
    return tuple("CAP_DAC_OVERRIDE" if name == "DAC_OVERRIDE" else name for name in names)


def capped(given: Given) -> tuple[Operation, ...]:
    credentials = given.first("process_credentials_arg")
    return (given.operation("setcap", credentials=credentials, capabilities=_told_sets(given)),)


def looked_at(given: Given) -> tuple[Operation, ...]:
    return (given.operation("capable", capabilities=_told_sets(given)),)


def _told_sets(given: Given) -> CapabilitySets | None:
    sets = {
        name: capabilities_of(mask)
        for name in ("permitted", "effective", "inheritable")
        if (mask := given.first(f"cap_{name}_arg")) is not None
    }
    masks = [each.kernel_cap_t_arg for each in given.arguments if each.kernel_cap_t_arg is not None]
    if not sets and len(masks) == 3:  # security_capset's own order
        sets = dict(zip(("effective", "inheritable", "permitted"), map(capabilities_of, masks), strict=True))
    return CapabilitySets(**sets) if sets else None


def checked(given: Given) -> tuple[Operation, ...]:
    capability: CapabilityArgument | None = given.first("capability_arg")
    name = ""
    if capability is not None:
        [name] = _named((capability.name,))
        if capability.value is not None and 0 <= capability.value < len(CAPABILITIES):
            name = CAPABILITIES[capability.value]
    return (given.operation("capable", name=name, namespace=_user_namespace(given)),)


def _user_namespace(given: Given) -> UserNamespace | None:
    held: UserNamespace | None = given.first("user_ns_arg")
    old: OldUserNamespace | None = given.first("user_namespace_arg")
    if held is None and old is not None:
        return UserNamespace(old.level, old.owner, old.group, old.ns)
    return held


def new_user_namespace(given: Given) -> tuple[Operation, ...]:
    return (given.operation("unshare", flags=CLONE_NEWUSER, namespaces=("user",), namespace=_user_namespace(given)),)


def entered(given: Given) -> tuple[Operation, ...]:
    # The first is a descriptor, where the policy asks for it.
    flags = given.number("nstype", len(given.numbers) - 1)
    if len(given.numbers) == 1 and not namespaces_of(flags):
        flags = None
    return (given.operation("setns", flags=flags, namespaces=namespaces_of(flags)),)


def unshared(given: Given) -> tuple[Operation, ...]:
    flags = given.number("flags", 0)
    return (given.operation("unshare", flags=flags, namespaces=namespaces_of(flags)),)


def mounted(given: Given) -> tuple[Operation, ...]:
    """`path` and `target` are what is mounted and where; the second is the kernel's path in LSM's hook."""
    texts = given.texts
    source = texts[0] if texts else ""
    relative = False
    if given.paths:
        target = kernel_path(given.paths[0])
        name = texts[1] if len(texts) > 1 else ""
    else:
        target, relative = user_path(texts[1], None, given.cwd) if len(texts) > 1 else ("", False)
        name = texts[2] if len(texts) > 2 else ""
    flags = given.number("flags", 0)
    absolute = "path" if relative else ""  # it is as it was written
    more = {"relative": relative, "absolute": absolute}
    return (given.operation("mount", path=source, target=target, flags=flags, name=name, **more),)


def moved_mount(given: Given) -> tuple[Operation, ...]:
    """The new way to mount: what was made without a place gets one. Until then its path is /."""
    if not given.paths and len(given.texts) > 1:
        return (given.operation("mount", **texts_of(given)),)
    paths = [kernel_path(path) for path in given.paths]
    first, second = (*paths, "", "")[:2]
    return (given.operation("mount", path=first, target=second),)


def moved_root(given: Given) -> tuple[Operation, ...]:
    paths = [kernel_path(path) for path in given.paths] or [user_path(text, None, given.cwd)[0] for text in given.texts]
    first, second = (*paths, "", "")[:2]
    return (given.operation("pivot_root", path=first, target=second),)


def unmounted(given: Given) -> tuple[Operation, ...]:
    return (given.operation("umount", flags=given.after("flags", 0), **where(given)),)


def loaded(kind: Kind) -> Reader:
    def read(given: Given) -> tuple[Operation, ...]:
        module: ModuleArgument | None = given.first("module_arg")
        if module is not None:
            about = Module(module.name, module.signature_ok, tuple(module.tainted))
            return (given.operation(kind, name=module.name, module=about),)
        if given.texts and not given.paths:
            name = "" if given.hook in _WITH_PARAMETERS else given.texts[0]
            return (given.operation(kind, name=name),)
        return (given.operation(kind, **where(given)),)

    return read


def loaded_data(given: Given) -> tuple[Operation, ...]:
    """The kernel also takes firmware and images for kexec from memory."""
    if given.number("id", 0) != _LOADING_MODULE:
        return ()
    return (given.operation("module_load"),)


def used_bpf(given: Given) -> tuple[Operation, ...]:
    program: ProgramArgument | None = given.first("bpf_attr_arg") or given.first("bpf_prog_arg")
    held: MapArgument | None = given.first("bpf_map_arg")
    command: str | None = given.first("bpf_cmd_arg")
    about = None
    if program is not None:
        about = Bpf(program=program.name, program_type=program.type, instructions=program.instructions)
    elif held is not None:
        about = Bpf(map=held.name, map_type=held.type)
    elif command is not None:
        about = Bpf(command=command)
    return (given.operation("bpf", bpf=about),)


def probed(given: Given) -> tuple[Operation, ...]:
    event: PerfArgument | None = given.first("perf_event_arg")
    return (given.operation("perf_event", name=event.function or event.type if event is not None else ""),)


def traced(given: Given) -> tuple[Operation, ...]:
    """Of request, pid, address and data a policy may ask for some: one number alone is not told apart."""
    numbers = given.numbers
    several = len(numbers) > 1
    request = given.number("request", 0 if several else -1)
    return (given.operation("ptrace", request=request, pid=given.number("pid", 1 if several else -1)),)


def wrote_memory(given: Given) -> tuple[Operation, ...]:
    return (given.operation("vm_write", pid=given.number("pid", 0)),)


def signalled(given: Given) -> tuple[Operation, ...]:
    numbers = given.numbers
    several = len(numbers) > 1
    alone = 0 if given.hook == "task_kill" else -1  # of which it is the only number
    request = given.number("sig", len(numbers) - 1 if several else alone)
    return (given.operation("signal", request=request, pid=given.number("pid", len(numbers) - 2 if several else -1)),)


def called(given: Given) -> tuple[Operation, ...]:
    syscall = given.first("syscall_id")
    number = syscall.id if syscall is not None else given.number("id", 0)
    return (given.operation("syscall", request=number, name=syscall.abi if syscall is not None else ""),)


PRIVILEGE_HOOKS: Final[dict[str, Reader]] = {
    **hooks(asked("setuid", "effective"), "__sys_setuid sys_setuid"),
    **hooks(asked("setgid", "effective"), "__sys_setgid sys_setgid"),
    **hooks(asked("setuid", "fs"), "__sys_setfsuid sys_setfsuid"),
    **hooks(asked("setgid", "fs"), "__sys_setfsgid sys_setfsgid"),
    **hooks(asked("setuid", "real", "effective"), "__sys_setreuid sys_setreuid"),
    **hooks(asked("setgid", "real", "effective"), "__sys_setregid sys_setregid"),
    **hooks(asked("setuid", "real", "effective", "saved"), "__sys_setresuid sys_setresuid"),
    **hooks(asked("setgid", "real", "effective", "saved"), "__sys_setresgid sys_setresgid"),
    **hooks(committed, "commit_creds override_creds revert_creds task_fix_setuid task_fix_setgid"),
    **hooks(capped, "capset cap_capset sys_capset"),
    **hooks(checked, "cap_capable capable"),
    **hooks(new_user_namespace, "create_user_ns userns_create"),
    **hooks(entered, "sys_setns"),
    **hooks(unshared, "sys_unshare ksys_unshare"),
    **hooks(mounted, "sys_mount sb_mount path_mount do_mount"),
    **hooks(moved_mount, "move_mount sys_move_mount"),
    **hooks(moved_root, "sys_pivot_root sb_pivotroot"),
    **hooks(unmounted, "sys_umount sys_umount2 sb_umount path_umount"),
    **hooks(loaded("module_request"), "kernel_module_request"),
    **hooks(loaded("module_load"), "find_module_sections do_init_module load_module sys_init_module sys_finit_module"),
    **hooks(loaded("module_load"), "module_load"),
    **hooks(loaded("module_unload"), "free_module sys_delete_module module_free"),
    **hooks(loaded_data, "kernel_load_data"),
    **hooks(used_bpf, "bpf_check bpf_prog_load bpf_map_create bpf_map_alloc bpf_map bpf_prog bpf sys_bpf"),
    **hooks(probed, "perf_event_alloc perf_event_open sys_perf_event_open"),
    **hooks(traced, "sys_ptrace ptrace_access_check ptrace_traceme"),
    **hooks(wrote_memory, "sys_process_vm_writev"),
    **hooks(signalled, "sys_kill sys_tkill sys_tgkill task_kill"),
    **hooks(called, "raw_syscalls/sys_enter"),
}
