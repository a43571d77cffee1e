"""The ways out of a container that findings name: what each is, how grave, and who does the same and means no harm."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

AGENT: Final = "escape"


class Rule(msgspec.Struct, frozen=True, gc=False):
    """`severity` is where judging starts; docs/escape.md is made of this."""

    name: str
    condition: str
    severity: int
    techniques: tuple[str, ...]
    reason: str
    benign: str

    @property
    def full_name(self) -> str:
        return f"{AGENT}.{self.name}"


_RULES: Final[Sequence[Rule]] = (
    Rule(
        "release_agent",
        "A container writes or makes a file `release_agent` or `notify_on_release`.",
        4,
        ("T1611",),
        "A container sets what the host runs as root when a cgroup has become empty",
        "systemd in a privileged container, on a node with cgroups of version 1",
    ),
    Rule(
        "core_pattern",
        "A container writes the kernel's `core_pattern`.",
        4,
        ("T1611",),
        "A container sets what the host runs as root when a program crashes",
        "init containers that tune the node; systemd in a privileged container",
    ),
    Rule(
        "modprobe_path",
        "A container writes the kernel's path of modprobe.",
        4,
        ("T1611",),
        "A container sets what the host runs as root when the kernel wants a module",
        "none known",
    ),
    Rule(
        "binfmt",
        "A container writes below `binfmt_misc`.",
        4,
        ("T1611",),
        "A container sets by what the host runs programs of some format",
        "images that register QEMU for builds for other processors",
    ),
    Rule(
        "uevent_helper",
        "A container writes the kernel's `uevent_helper`.",
        4,
        ("T1611",),
        "A container sets what the host runs as root when a device comes or goes",
        "none known",
    ),
    Rule(
        "proc_root",
        "A container touches what lies below `/proc/<pid>/root` of another process, or the first process's `ns`, `cwd` "
        "or `fd`, or binds such a place to another. 2 where its pid namespace is known not to be the host's: there "
        "these are the pod's own processes. The first process's standard streams are nothing, unless it is known to be "
        "the host's.",
        4,
        ("T1611",),
        "A container reaches into another process's root, namespaces or files by way of /proc",
        "agents of a node that look at every process; a debugging session in a shared pid namespace",
    ),
    Rule(
        "runtime_socket",
        "A container opens the socket of Docker, containerd, CRI-O or Podman or connects to it, or runs a client that "
        "is told to (`--unix-socket`, `-H unix://`).",
        4,
        ("T1611", "T1610"),
        "A container talks to the host's container runtime, which does for it whatever it is asked",
        "agents that list containers; CI jobs that build with the node's Docker; Docker in Docker",
    ),
    Rule(
        "runtime_api",
        "A shell, curl or the like in a container connects to port 2375, where Docker asks for no certificate, or is "
        "told to. One less by `docker` and `podman` themselves.",
        3,
        ("T1611", "T1610"),
        "A container talks to a container runtime over the network, which does for it whatever it is asked",
        "CI jobs that build with Docker in Docker, as a service beside them",
    ),
    Rule(
        "host_prefix",
        "A container touches a file of the host by a mounted root (`/host/…`, `/proc/1/root/…`, `roots` of your own), "
        "and by the taxonomy of `fim` that is high or critical. Not by `/proc/1/root` where its pid namespace is known "
        "not to be the host's.",
        4,
        ("T1611",),
        "A container reads or changes a sensitive file of the host, by way of the host's root",
        "network plugins that install themselves; scanners of nodes",
    ),
    Rule(
        "nsenter",
        "A container runs `nsenter` for process 1, calls setns, or has come into a host's mount, pid, user or net "
        "namespace that it was not in before. 3 of a setns into other namespaces than those of mounts, pids and users.",
        4,
        ("T1611",),
        "A process of a container enters namespaces that are not its container's",
        "network plugins that look after pods; storage drivers that mount in the host's namespace",
    ),
    Rule(
        "chroot_host",
        "A container calls chroot or pivot_root, or runs it, with the host's root or where it has mounted a disk.",
        4,
        ("T1611",),
        "A process of a container makes the host's file system its own",
        "`kubectl debug node/…`; agents that run the host's own programs",
    ),
    Rule(
        "mount",
        "A container mounts a disk, a cgroup or proc, or runs `mount` to do so. One more if it is privileged.",
        3,
        ("T1611",),
        "A container mounts a disk or an interface of the kernel",
        "storage drivers; containers in containers",
    ),
    Rule(
        "device",
        "A container opens a raw disk, `/dev/mem`, `/dev/kmem`, `/dev/port`, `/dev/cpu` or `/dev/kmsg`, or makes a "
        "block device, or runs `mknod` to do so. 2 of a loop device, and where memory or the network is the disk.",
        4,
        ("T1611", "T1006"),
        "A container opens a disk, the memory or the log of the host's kernel, past every file system",
        "storage drivers; node-problem-detector, which reads the kernel's log",
    ),
    Rule(
        "runtime_overwritten",
        "Anybody but a runtime or a package manager, on the host too, writes a runtime's program or a running one "
        "(`/proc/<pid>/exe`), starts with a working directory below `/proc/self/fd`, or has a runtime start so.",
        4,
        ("T1611",),
        "Somebody puts himself in the place of the container runtime (as CVE-2019-5736, CVE-2024-21626)",
        "administrators who install a runtime by hand",
    ),
    Rule(
        "module",
        "A container loads a module into the kernel.",
        4,
        ("T1547.006",),
        "A container loads code into the host's kernel",
        "network and storage plugins that load what they need by modprobe",
    ),
    Rule(
        "bpf",
        "A container loads a BPF program that watches or changes what others do, and is no known agent.",
        4,
        ("T1547.006",),
        "A container puts a program into the host's kernel that sees what others do",
        "tracers and profilers",
    ),
    Rule(
        "tool",
        "A container runs a tool of intruders (deepce, cdk, amicontained, botb, peirates, kubeletctl, kube-hunter, "
        "traitor), or `unshare`, `debugfs`, `capsh`.",
        3,
        ("T1613",),
        "A container runs a tool that looks for ways out of it",
        "image builds and sandboxes use unshare; entry points lay down rights by capsh",
    ),
    Rule(
        "recon",
        "One process of a container, or one shell by what it runs to read, looks at four or more of `/proc/*/status`, "
        "`uid_map`, `attr/current`, `mountinfo`, `cgroup`, of `/proc/net/unix` and `/run/systemd/container`, with less "
        "than ten minutes between two.",
        2,
        ("T1613",),
        "A process of a container finds out what it is confined by",
        "installers and libraries that look for the limits of their container",
    ),
    Rule(
        "capabilities",
        "A container starts with a capability that is as good as root on the host: SYS_ADMIN, SYS_MODULE, SYS_RAWIO, "
        "SYS_PTRACE, SYS_BOOT, SYSLOG, DAC_READ_SEARCH, NET_ADMIN or BPF; and not in a user namespace of its own.",
        2,
        ("T1610",),
        "A container starts with capabilities by which it can be left",
        "agents of the platform; sidecars of a service mesh (NET_ADMIN)",
    ),
    Rule(
        "left",
        "What a process of a container has become, or started, is in no container and in the host's mount namespace. "
        "3 of a child where its parent's capabilities are unknown; nothing where they cannot have sufficed.",
        4,
        ("T1611",),
        "A process has left its container: it is in none, and sees the host's files",
        "a parent that Tetragon got wrong",
    ),
    Rule(
        "service_account_token",
        "A service account token is read by another program of its container than the one it is there for, by a shell, "
        "curl, wget, kubectl or the like, or it is another container's. One less of kubectl or helm, where the "
        "container is there for a script that runs it.",
        3,
        ("T1552.007",),
        "Somebody who is not the container's own program reads what it is to the API server",
        "jobs that are shell scripts around kubectl",
    ),
    Rule(
        "metadata_service",
        "A connection to the cloud's metadata service, or curl or the like told to make one, by whomever but the "
        "node's own cloud agents. One more by a shell, curl or the like in a container.",
        2,
        ("T1552.005",),
        "Whoever asks the cloud's metadata service may get the node's own credentials",
        "programs that use the cloud's libraries",
    ),
    Rule(
        "kubernetes_api",
        "A shell, curl or the like in a container connects to a kubelet or etcd (10250, 10255, 2379). One less to an "
        "API server (6443), and by `etcdctl`, where that is not the container's own program.",
        3,
        ("T1613",),
        "A shell of a container talks to the cluster's control plane",
        "health checks of the control plane's own containers",
    ),
)  # fmt: skip

RULES: Final[Mapping[str, Rule]] = {rule.name: rule for rule in _RULES}
