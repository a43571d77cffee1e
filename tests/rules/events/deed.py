"""What a process does that a rule may be about, and how Sigma names what Tetragon's log tells of it."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from examples.events import USERS, encoded

Category: TypeAlias = Literal["process_creation", "file_event", "network_connection", "auditd"]

SHELLS: Final = frozenset(("ash", "bash", "csh", "dash", "fish", "ksh", "sh", "tcsh", "zsh"))


@dataclass(frozen=True)
class Command:
    """`arguments` without the first, which Tetragon does not tell."""

    binary: str
    arguments: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.binary.rpartition("/")[2]

    @property
    def line(self) -> str:
        told = encoded(self.arguments)
        return f"{self.name} {told}" if told else self.name

    @property
    def could_be(self) -> bool:
        """A shell reads its script, with all pipes, from one argument; only scripts are told their own name."""
        if not self.name or self.binary != "/" + "/".join(filter(None, self.binary.split("/"))):
            return False
        given = self.arguments
        if given and not given[-1]:
            return False  # Tetragon loses it
        if self.name in SHELLS and "-c" in given and len(given) > given.index("-c") + 2:
            return False
        if any(argument.startswith("|") for argument in given):
            return False
        return not given or given[0].rpartition("/")[2] != self.name


BASH: Final = Command("/bin/bash", ("--login",))


@dataclass(frozen=True)
class Deed:
    """`path` is of a file that is made and written, `address` and `port` of the other end of a connection."""

    command: Command
    parent: Command = BASH
    cwd: str = "/root"
    uid: int = 0
    real_uid: int = 0
    path: str = ""
    address: str = ""
    port: int = 0
    inward: bool = False
    syscall: str = ""  # which a TracingPolicy sees
    in_place: bool = False  # the program takes over the pid of another one, which the parent has started

    @property
    def fields(self) -> dict[str, str]:
        """By Sigma's names. A connection that comes in has this end as its destination."""
        told = {
            "Image": self.command.binary,
            "CommandLine": self.command.line,
            "ParentImage": self.parent.binary,
            "ParentCommandLine": self.parent.line,
            "CurrentDirectory": self.cwd,
            "User": USERS.get(self.uid, "ubuntu"),
            "LogonId": str(self.real_uid),
        }
        if self.path:
            told["TargetFilename"] = self.path
        if self.address:
            told |= {"DestinationPort": str(self.port), "Initiated": "false" if self.inward else "true"}
            if not self.inward:
                told["DestinationIp"] = self.address
        return told

    @property
    def audited(self) -> list[dict[str, str]]:
        """The records by which auditd would tell of it, each with its own names."""
        command = self.command
        if self.path:
            return [{"type": "PATH", "name": self.path, "nametype": "CREATE"}]
        call = {"type": "SYSCALL", "exe": command.binary, "comm": command.name[:15], "euid": str(self.uid)}
        if self.syscall:
            return [{**call, "SYSCALL": self.syscall}]
        words = (command.name, *command.arguments)
        named = {f"a{place}": word for place, word in enumerate(words)}
        # For keywords, the words as shippers join them, under no name.
        return [{"type": "EXECVE", **named, "": " ".join(words)}, {**call, "SYSCALL": "execve"}]

    def records(self, category: Category) -> list[dict[str, str]]:
        """One of them has to meet a rule."""
        return self.audited if category == "auditd" else [self.fields]

    @property
    def could_be(self) -> bool:
        return self.command.could_be and self.parent.could_be
