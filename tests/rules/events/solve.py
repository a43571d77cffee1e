"""Finds a deed that meets what one way of a rule needs, and a way to miss it by the least."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Final

from hypothesis import Phase, find, settings
from hypothesis import strategies as st
from sigma.types import SigmaCIDRExpression, SigmaRegularExpression, SigmaString

from examples.events import USERS
from tests.rules.events.condition import Atom, Piece, expression_of, has, pieces_of
from tests.rules.events.deed import BASH, SHELLS, Category, Command, Deed

Goal = Callable[[Deed], bool]

_ELSEWHERE: Final = "198.51.100.7"
_USER_IDS: Final = {name: uid for uid, name in USERS.items()}


def deed(category: Category, needed: Sequence[Atom], goal: Goal) -> Deed | None:
    """None where no event that Tetragon could write meets the goal."""
    deeds = audited(needed) if category == "auditd" else _deeds(category, needed)
    return next((found for found in deeds if found.could_be and goal(found)), None)


def _deeds(category: Category, needed: Sequence[Atom]) -> Iterator[Deed]:
    by_field: dict[str, list[Atom]] = {}
    for atom in needed:
        by_field.setdefault(atom.field, []).append(atom)

    def wanted(field: str) -> list[Piece]:
        return [_piece(atom) for atom in by_field.get(field, ())]

    changes: dict[str, object] = {}
    if cwd := wanted("CurrentDirectory"):
        changes["cwd"] = cwd[0].text
    if user := wanted("User"):
        changes["uid"] = _USER_IDS.get(user[0].text, 1000)
    if real := wanted("LogonId"):
        changes["real_uid"] = int(real[0].text)
    if category == "network_connection":
        changes |= _connection(wanted("DestinationPort"), by_field.get("DestinationIp", ()), wanted("Initiated"))
    paths = list(_paths(wanted("TargetFilename"), "/srv/data")) if category == "file_event" else [""]
    commands = list(_commands(wanted("Image"), wanted("CommandLine")))
    parents = list(_commands(wanted("ParentImage"), wanted("ParentCommandLine"), BASH))
    for command, parent, path in product(commands, parents, paths):
        yield replace(Deed(command, parent, path=path), **changes)  # type: ignore[arg-type]  # fields by name


def audited(needed: Sequence[Atom]) -> Iterator[Deed]:
    """What auditd tells in one record: the words of a command, a path, or a system call and who did it."""
    by_field: dict[str, list[Piece]] = {}
    for atom in needed:
        by_field.setdefault(atom.field, []).append(_piece(atom))
    if "name" in by_field:
        for path in _paths(by_field["name"], ""):
            yield Deed(Command("/usr/bin/env"), path=path)
        return
    words = [" ".join(piece.text.split()) for piece in by_field.get("", ())]
    last = max((int(field[1:]) for field in by_field if field[0:1] == "a" and field[1:].isdecimal()), default=0)
    given = [by_field[field][0].text if (field := f"a{place}") in by_field else "x" for place in range(1, last + 1)]
    told = " ".join(given)
    images = by_field.get("exe", []) + by_field.get("a0", []) + by_field.get("comm", [])
    named = next((word for word in words if word.isalpha()), "env")
    uid = int(by_field["euid"][0].text) if "euid" in by_field else 0
    syscall = by_field["SYSCALL"][0].text if "SYSCALL" in by_field else ""
    for binary in _paths([_of_a_path(piece) for piece in images], f"/usr/bin/{named}"):
        rest = (word for word in words if word not in told and word not in binary.rpartition("/")[2])
        arguments = (*given, *(each for word in rest for each in word.split(" ")))
        yield Deed(Command(binary, arguments), uid=uid, syscall="" if syscall.startswith("execve") else syscall)


def _of_a_path(piece: Piece) -> Piece:
    """A program's name, as the end of its path."""
    return Piece(f"/{piece.text}", False, True) if piece.at_start and piece.at_end and "/" not in piece.text else piece


def _connection(ports: Sequence[Piece], addresses: Sequence[Atom], initiated: Sequence[Piece]) -> dict[str, object]:
    address = _ELSEWHERE
    if addresses:
        value = addresses[0].value
        address = str(next(iter(value.network.hosts())) if isinstance(value, SigmaCIDRExpression) else value)
    inward = bool(initiated) and initiated[0].text.lower() == "false"
    return {"address": address, "port": int(ports[0].text) if ports else 8443, "inward": inward}


def _commands(images: Sequence[Piece], lines: Sequence[Piece], default: Command | None = None) -> Iterator[Command]:
    if not images and not lines and default is not None:
        yield default
        return
    for binary in _paths(images, "/usr/bin/true") if images else _programs(lines):
        name = binary.rpartition("/")[2]
        rest = _rest(name, lines)
        if rest is None:
            continue
        words = tuple(rest.split(" ")) if rest else ()
        if name in SHELLS and rest:
            script = rest.removeprefix("-c ")
            if not script.startswith("-"):
                yield Command(binary, ("-c", f"x {script}" if script.startswith("|") else script))
        yield Command(binary, words)


def _programs(lines: Sequence[Piece]) -> Iterator[str]:
    """Where a rule names none: the one that the line begins with, a shell with a script, one that the line tells of."""
    for piece in lines:
        if piece.at_start:
            yield "/usr/bin/" + piece.text.split(" ")[0]
    yield "/bin/sh"
    for piece in lines:
        word = piece.text.strip().split(" ")[0]
        if word.replace("-", "").isalnum() and not word.startswith("-"):
            yield "/usr/bin/" + word
    yield "/usr/bin/env"


def _rest(name: str, lines: Sequence[Piece]) -> str | None:
    """The command line behind the name of the program."""
    starts = (piece.text for piece in lines if piece.at_start or piece.text.startswith(f"{name} "))
    start = max(starts, key=len, default=name)
    if start != name and not start.startswith(f"{name} "):
        return None
    text = start
    for piece in lines:
        if not piece.at_start and not piece.at_end and piece.text.lower() not in text.lower():
            text = _joined(text, piece.text)
    for piece in lines:
        if piece.at_end and not piece.at_start and not text.lower().endswith(piece.text.lower()):
            text = _joined(text, piece.text)
    if text.endswith(" "):
        text += "x"
    return text[len(name) :].removeprefix(" ")


def _joined(text: str, more: str) -> str:
    if more.startswith(" "):
        return text.rstrip(" ") + more
    return text + more if text.endswith(" ") else f"{text} {more}"


def _paths(pieces: Sequence[Piece], default: str) -> Iterator[str]:
    if not pieces:
        yield default
        return
    start = max((piece.text for piece in pieces if piece.at_start), key=len, default="")
    end = max((piece.text for piece in pieces if piece.at_end), key=len, default="")
    if start and any(piece.at_start and piece.at_end for piece in pieces):
        yield start
        return
    middle = [piece.text for piece in pieces if not piece.at_start and not piece.at_end]
    for base in [start] if start else ["", "/usr/bin", "/opt"]:
        path = base
        for part in [*middle, end]:
            if part and part.lower() not in path.lower():
                path += part if not path or part.startswith("/") or path.endswith("/") else f"/{part}"
        if not path.startswith("/"):
            continue
        if path.count("/") == 1 and not start:
            continue  # nothing lies at the root
        yield f"{path}x" if path.endswith(("/", ".")) else path
        if not end:
            yield f"{path.rstrip('/')}/x"


def _piece(atom: Atom) -> Piece:
    value = atom.value
    if isinstance(value, SigmaString):
        return pieces_of(value)
    if isinstance(value, SigmaRegularExpression):
        return Piece(_example(expression_of(value)), False, False)
    return Piece(str(value), True, True)


@cache
def _example(expression: str) -> str:
    """The simplest text of printable characters, always the same."""
    printable = st.characters(min_codepoint=32, max_codepoint=126)
    texts = st.from_regex(expression, fullmatch=True, alphabet=printable)
    quietly = settings(derandomize=True, database=None, deadline=None, phases=[Phase.generate])
    return find(texts, lambda text: "  " not in text, settings=quietly)


def near_miss(category: Category, made: Deed, missing: Atom, goal: Goal) -> Deed | None:
    """`made` but for a single thing that keeps it from having `missing`, and that meets the goal."""

    def is_missing(changed: Deed) -> bool:
        return not any(has(missing, fields) for fields in changed.records(category))

    changes = _changed(made, missing.field)
    return next((each for each in changes if each.could_be and is_missing(each) and goal(each)), None)


def _changed(made: Deed, field: str) -> Iterator[Deed]:
    command, parent = made.command, made.parent
    match field:
        case "Image" | "a0" | "exe" | "comm":
            yield from (replace(made, command=replace(command, binary=each)) for each in _texts(command.binary))
        case "ParentImage":
            yield from (replace(made, parent=replace(parent, binary=each)) for each in _texts(parent.binary))
        case "CommandLine":
            yield from (replace(made, command=replace(command, arguments=each)) for each in _lists(command.arguments))
        case "ParentCommandLine":
            yield from (replace(made, parent=replace(parent, arguments=each)) for each in _lists(parent.arguments))
        case "CurrentDirectory":
            yield from (replace(made, cwd=each) for each in _texts(made.cwd))
        case "TargetFilename" | "name":
            yield from (replace(made, path=each) for each in _texts(made.path))
        case "User" | "euid":
            yield replace(made, uid=33 if made.uid != 33 else 104)
        case "LogonId":
            yield replace(made, real_uid=1000)
        case "DestinationPort":
            yield from (replace(made, port=made.port + step) for step in (1, -1, 2))
        case "Initiated":
            yield replace(made, inward=not made.inward)
        case "SYSCALL":
            yield replace(made, syscall="getpid")
        case "":  # a keyword may be the program or any of its arguments
            yield from (replace(made, command=replace(command, arguments=each)) for each in _lists(command.arguments))
            yield from (replace(made, command=replace(command, binary=each)) for each in _texts(command.binary))
        case _ if field[0] == "a" and field[1:].isdecimal() and len(command.arguments) >= int(field[1:]):
            place = int(field[1:]) - 1
            for word in _texts(command.arguments[place]):
                arguments = (*command.arguments[:place], word, *command.arguments[place + 1 :])
                yield replace(made, command=replace(command, arguments=arguments))


def _lists(texts: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for place in reversed(range(len(texts))):
        for text in _texts(texts[place]):
            yield (*texts[:place], text, *texts[place + 1 :])


def _texts(text: str) -> Iterator[str]:
    """One character is another, else one is not there; from the end."""
    places = [place for place in reversed(range(len(text))) if text[place] not in " /"]
    for place in sorted(places, key=lambda place: not text[place].isalnum()):
        yield text[:place] + _other(text[place]) + text[place + 1 :]
    for place in places:
        yield text[:place] + text[place + 1 :]


def _other(character: str) -> str:
    if character.isdecimal():
        return "7" if character != "7" else "3"
    return "q" if character.lower() != "q" else "z"
