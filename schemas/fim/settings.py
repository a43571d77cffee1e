"""What somebody tells sysctl to set, and whether that is what a kernel is made weaker by, or the host broken into."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

from schemas.arguments import split_arguments

_SETTINGS: Final = "/proc/sys/"
# What hides or defends no longer with such a value.
_WEAK: Final[Mapping[str, str]] = {
    "kernel.dmesg_restrict": "0",
    "kernel.kexec_load_disabled": "0",
    "kernel.kptr_restrict": "0",
    "kernel.modules_disabled": "0",
    "kernel.perf_event_paranoid": "-1 0",
    "kernel.randomize_va_space": "0 1",
    "kernel.sysrq": "1",
    "kernel.unprivileged_bpf_disabled": "0",
    "kernel.unprivileged_userns_clone": "1",
    "kernel.yama.ptrace_scope": "0",
}
# What the kernel runs: a name of a file for what it has to write is another matter.
_RUN: Final = ("kernel.core_pattern", "kernel.hotplug", "kernel.modprobe", "kernel.poweroff_cmd")
_CORES: Final = "kernel.core_pattern"
_FROM_FILES: Final = ("--load", "--system", "-p")  # whose changes are told themselves
_FILES: Final = ("/etc/", "/lib/", "/run/sysctl.d/", "/usr/")


@lru_cache(maxsize=256)
def is_harmless(path: str, arguments: str) -> bool:
    """`path` is the setting's file, and `arguments` are sysctl's."""
    if not path.startswith(_SETTINGS):
        return False
    name = path.removeprefix(_SETTINGS).replace("/", ".")
    values = [value for told, value in _told(arguments) if told == name]
    if not values:
        return name not in _RUN and _loads(arguments)
    if name == _CORES:
        return not any(value.startswith("|") for value in values)
    return name not in _RUN and not any(value in _WEAK.get(name, "").split() for value in values)


def _told(arguments: str) -> Iterator[tuple[str, str]]:
    for word in split_arguments(arguments):
        name, is_set, value = word.partition("=")
        if is_set and not name.startswith("-"):
            yield name.strip().replace("/", "."), value.strip()


def _loads(arguments: str) -> bool:
    words = split_arguments(arguments)
    named = [word.partition("=")[2] if word.startswith("-") else word for word in words]
    safe = all(each.startswith(_FILES) and "/.." not in each for each in named if each)
    return safe and any(word.partition("=")[0] in _FROM_FILES for word in words)
