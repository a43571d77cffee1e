"""Programs that mean something by their name."""

import re
from functools import lru_cache
from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


SHELLS: Final = _names("ash bash csh dash fish ksh mksh rbash sh tcsh zsh")
BOXES: Final = _names("busybox coreutils toybox")  # many programs in one
_INTERPRETERS: Final = ("java", "lua", "node", "perl", "php", "python", "ruby", "tclsh")

# What listens to the world, and has no business with a shell.
_SERVERS: Final = _names(
    "apache2 fluentd httpd java lighttpd mariadbd memcached mongod mysqld nginx node php-cgi postgres redis-server "
    "splunkd vsftpd"
)
_SERVER_FAMILIES: Final = ("exim", "gunicorn", "php-fpm", "rabbitmq", "smbd", "tomcat", "uwsgi")

# What asks a server how it is, and does nothing else.
HEALTH_CHECKS: Final = _names(
    "docker-healthcheck docker-healthcheck.sh gitaly-healthcheck grpc_health_probe health-check health-check.sh "
    "healthcheck healthcheck.sh kafka-broker-api-versions.sh pg_isready"
)
# What can do more, if it is told to.
HEALTH_CLIENTS: Final = _names("mariadb-admin mysqladmin rabbitmq-diagnostics redis-cli valkey-cli")

# What changes files everywhere because it was told to.
_INSTALLERS: Final = _names(
    "ansible apk chef-client cloud-init gem google_guest_agent microdnf npm pacman pip pip3 puppet rpm "
    "rpm-ostree rpmdb snapd waagent yum zypper"
)
# And what comes behind: a version, a part. `pip` alone would be `pipewire` too.
_INSTALLER_FAMILIES: Final = ("ansible-", "apt", "dnf", "dpkg", "pip3.", "salt-", "unattended-upgr", "yum-")

# They are there to run something with the rights of somebody else.
SWITCHERS: Final = _names("doas pkexec su sudo")
# Their files have a set-id bit on one distribution or another.
SET_ID: Final = SWITCHERS | _names(
    "Xorg.wrap arping at bwrap chage chfn chrome-sandbox chsh cockpit-session crontab dbus-daemon-launch-helper "
    "exim4 expiry firejail fusermount fusermount3 gpasswd grub2-set-bootflag krb5_child ldap_child mount mount.cifs "
    "mount.nfs mtr-packet newgidmap newgrp newuidmap ntfs-3g pam_timestamp_check passwd ping ping6 pmount "
    "polkit-agent-helper-1 pppd proxy_child pumount qemu-bridge-helper selinux_child snap-confine ssh-keysign "
    "starter-suid staprun sudoedit traceroute6.iputils umount umount.nfs unix_chkpwd usernetctl"
)
# With a set-id bit on them, they give everybody a shell or any file.
ABUSABLE: Final = SHELLS | _names(
    "awk base64 busybox cat chmod chown cp curl cut dd docker ed emacs env find gawk gdb gzip head install ip less lua "
    "make mawk more mv nano nice nmap node openssl perl php python python2 python3 rsync ruby rvim sed socat sort "
    "strace stdbuf tail tar taskset tee time timeout vi vim watch wget xargs"
)
# They raise and lay down rights for a living.
TRUSTED: Final = SWITCHERS | _names("atd cron crond login newgrp polkitd runuser snap-confine sshd sshd-session")
# They make containers; names begin so.
RUNTIMES: Final = (
    "buildah", "buildkit", "conmon", "containerd", "crio", "crun", "docker", "kata", "podman", "runc", "youki",
)  # fmt: skip

# They bring in what others have, or unwrap what was pasted.
FETCHERS: Final = _names(
    "aria2c axel base64 curl ftp lwp-download nc ncat netcat openssl scp sftp socat tftp wget wget2 xxd"
)
# What they write is made here, of its sources.
BUILDERS: Final = _names("ar c++ cargo cc clang clang++ collect2 g++ gcc go ld ld.bfd ld.gold ld.lld link mold rustc")

# What the kernel calls its threads, which no program is called.
_KERNEL_THREADS: Final = (
    "cpuhp kauditd kblockd kcompactd kdevtmpfs khugepaged khungtaskd kintegrityd kmpath kpsmoused ksmd ksoftirqd "
    "kstrp kswapd kthreadd kthrotld kworker migration rcu_ scsi_eh writeback"
)
_THREAD_NAME: Final = re.compile(rf"\[(?:{'|'.join(_KERNEL_THREADS.split())})[^\[\]\s]*\]")
_SPOOFS: Final = re.compile(r"\bexec\s+(?:-[cl]+\s+)*-[cl]*a\s*[\"'\\]*\[")
# Unmistakable without brackets, too.
_THREADS: Final = ("khugepaged", "ksoftirqd", "kswapd", "kthreadd", "kworker")
# Who looks for kernel threads names them.
_SEARCHERS: Final = _names("awk egrep fgrep gawk grep kill killall mawk pgrep pidof pkill ps rg sed")

# Services that touch what is theirs unasked, and that no argument makes do it for somebody else.
DAEMONS: Final = _names(
    "agetty apport auditd augenrules auth bacula-fd bareos-fd conmon containerd containerd-shim-runc-v2 crio cron "
    "crond dockerd etcd k3s kubelet login osqueryd rke2 rsyslogd sshd sshd-auth sshd-session systemd systemd-journald "
    "systemd-logind systemd-networkd systemd-sysctl systemd-sysusers unix_chkpwd wazuh-modulesd wazuh-syscheckd"
)
# They change accounts in the one way that accounts are changed; what they are told to is in their arguments.
ACCOUNT_TOOLS: Final = _names(
    "adduser addgroup chage chgpasswd chpasswd deluser delgroup gpasswd groupadd groupdel groupmod newusers passwd "
    "useradd userdel usermod"
)
# Of distributions: it copies the files of accounts to /var/backups every day.
BACKUP_JOB: Final = "/etc/cron.daily/passwd"
# What visudo has people write with; and what comes behind: vim.basic, emacs-nox.
_EDITORS: Final = _names("ed emacs jed joe mcedit micro nano ne nvi nvim rnano rvim vi vim")
_EDITOR_FAMILIES: Final = ("emacs-", "vim.")
# They make backups, wherever these lie.
BACKUP_TOOLS: Final = _names("borg duplicity kopia restic")
# They read a folder as a whole.
ARCHIVERS: Final = BACKUP_TOOLS | _names("bsdtar cpio rsync tar")


@lru_cache(maxsize=4096)
def is_interpreter(name: str) -> bool:
    """python3.11 and ruby2.7 too."""
    return name.rstrip("0123456789.") in _INTERPRETERS


@lru_cache(maxsize=4096)
def is_server(name: str) -> bool:
    return name in _SERVERS or name.startswith(_SERVER_FAMILIES)


@lru_cache(maxsize=4096)
def serves(binary: str) -> bool:
    """postfix's master has a name that others have too."""
    name = binary.rpartition("/")[2]
    return is_server(name) or (name == "master" and "/postfix/" in binary)


@lru_cache(maxsize=4096)
def is_installer(name: str) -> bool:
    return name in _INSTALLERS or name.startswith(_INSTALLER_FAMILIES)


def is_editor(name: str) -> bool:
    return name in _EDITORS or name.startswith(_EDITOR_FAMILIES)


@lru_cache(maxsize=4096)
def is_kernels_name(binary: str) -> bool:
    """Of a program: it would pass for a kernel thread in a list of processes."""
    if not binary.startswith("/"):
        return False
    # [kworker/0:1] is a folder and a file in it.
    return (binary.endswith("]") and "/[" in binary) or binary.rpartition("/")[2].startswith(_THREADS)


@lru_cache(maxsize=4096)
def takes_kernels_name(name: str, arguments: str) -> bool:
    """A program called `name` starts another under the name of a kernel thread, or was given it as an argument."""
    if name not in _SEARCHERS and any(_THREAD_NAME.fullmatch(word.strip("\"'")) for word in arguments.split(" ")):
        return True
    return _SPOOFS.search(arguments) is not None
