"""What sysctl is told to set."""

import pytest

from schemas.fim.settings import is_harmless


@pytest.mark.parametrize(
    ("path", "arguments", "expected"),
    [
        ("/proc/sys/kernel/panic", "-w kernel.panic=10", True),
        ("/proc/sys/kernel/panic", "-w kernel/panic=10", True),
        ("/proc/sys/kernel/panic", "-w kernel.sysrq=0", False),
        ("/proc/sys/kernel/yama/ptrace_scope", "kernel.yama.ptrace_scope=1", True),
        ("/proc/sys/kernel/yama/ptrace_scope", "kernel.yama.ptrace_scope=0", False),
        ("/proc/sys/kernel/yama/ptrace_scope", "kernel.yama.ptrace_scope=1 kernel.yama.ptrace_scope=0", False),
        ("/proc/sys/kernel/randomize_va_space", '-w "kernel.randomize_va_space = 0"', False),
        ("/proc/sys/kernel/core_pattern", "-w kernel.core_pattern=core", True),
        ("/proc/sys/kernel/core_pattern", '-w "kernel.core_pattern=|/tmp/x %P"', False),
        ("/proc/sys/kernel/modprobe", "-w kernel.modprobe=/sbin/modprobe", False),
        ("/proc/sys/kernel/modprobe", "--system", False),
        ("/proc/sys/kernel/panic", "--system", True),
        ("/proc/sys/kernel/panic", "-p", True),
        ("/proc/sys/kernel/panic", "-p /etc/sysctl.d/1.conf", True),
        ("/proc/sys/kernel/panic", "--load=/usr/lib/sysctl.d/1.conf", True),
        ("/proc/sys/kernel/panic", "-p /tmp/1.conf", False),
        ("/proc/sys/kernel/panic", "--load=/tmp/1.conf", False),
        ("/proc/sys/kernel/panic", "-p 1.conf", False),
        ("/proc/sys/kernel/panic", "-p /etc/../tmp/1.conf", False),
        ("/proc/sys/kernel/panic", "-p/tmp/1.conf", False),
        ("/etc/sysctl.conf", "--system", False),
        ("/proc/sys/kernel/panic", "", False),
    ],
)
def test_a_setting_is_harmless_as_far_as_its_value_is_told(path: str, arguments: str, expected: bool) -> None:
    assert is_harmless(path, arguments) is expected
