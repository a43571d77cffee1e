"""Where a program lies, and who can have put it there. A name alone is easily taken."""

import re
from functools import lru_cache
from posixpath import normpath
from typing import Final

from schemas.lineage import basename

_OF_RANCHER: Final = ("/var/lib/rancher/k3s/data/", "/var/lib/rancher/rke2/data/")
# Where only root puts programs, and none is that is not installed. Into /nix/store anybody has a program built, of any
# name.
_SYSTEM: Final = (
    "/usr/", "/bin/", "/sbin/", "/lib/", "/opt/", "/snap/", "/run/wrappers/", "/var/ossec/bin/", *_OF_RANCHER
)  # fmt: skip
_LINKED: Final = "/usr/tmp/"  # to /var/tmp, on some distributions
# A folder that passes for . or .., or a hidden one among commands, devices and settings, where no tool has its own.
_HIDING: Final = re.compile(r"/(?:\.{3,}|\.{1,2}\s+)/|^/(?:boot|dev|etc|s?bin|usr/s?bin)/(?:[^/]+/)*\.[^/.]")
# Where anybody may write.
SCRATCH: Final = ("/tmp/", "/var/tmp/", "/dev/shm/", "/run/user/", "/run/shm/")
# Where somebody may put a file of any name.
ANYBODYS: Final = (*SCRATCH, "/home/")

# Where runtimes unpack images and put the file systems of containers together.
_LAYERS: Final = re.compile(
    r"/var/lib/(?:docker|containerd|containers|buildkit|rancher/[^/]+/agent/containerd)/"
    r"|/run/(?:k3s/)?containerd/|/var/snap/microk8s/common/|/home/[^/]+/\.local/share/(?:docker|containers|buildkit)/"
)

# Hidden folders of a home in which tools of languages lie, and nothing else.
_OF_TOOLS: Final = re.compile(r"(?<=^/home/)([^/]+/(?:[^/.][^/]*/)*)\.(?:asdf|cargo|nvm|pyenv|rbenv|rustup|tox|venv)/")


def in_layer(path: str) -> bool:
    return _LAYERS.match(path) is not None


@lru_cache(maxsize=4096)
def is_systems(binary: str) -> bool:
    """It lies where the system's programs lie, whatever way to it was written: not as /usr/../tmp/dpkg does."""
    path = _plain(binary)
    return path.startswith(_SYSTEM) and not path.startswith(_LINKED) and not from_scratch(binary)


@lru_cache(maxsize=8192)
def from_scratch(binary: str) -> bool:
    """It lies where anyone may write, or hidden."""
    path = _plain(binary)
    return path.startswith(SCRATCH) or ("/." in path and "/." in _OF_TOOLS.sub("/", path))


def is_stray(binary: str) -> bool:
    """The same, but for a folder that is hidden: below one of a home lie the tools of whoever lives there."""
    return _plain(binary).startswith(SCRATCH) or is_hidden(binary)


def is_anybodys(binary: str) -> bool:
    """Somebody may have put it there under any name."""
    return _plain(binary).startswith(ANYBODYS)


def is_hidden(binary: str) -> bool:
    """Its name begins with a dot, or that of a folder above it does where none should."""
    if not binary.startswith("/") or "/." not in binary:
        return False
    return basename(binary).startswith(".") or _HIDING.search(binary) is not None


def _plain(binary: str) -> str:
    return normpath(binary).replace("//", "/") if "/." in binary or "//" in binary else binary
