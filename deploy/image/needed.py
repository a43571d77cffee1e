"""The part of requirements.lock that tetrastash needs to run, as a requirements file on stdout, hashes included.

    python3 needed.py [NAME ...]

With names, the part that these need instead. The lock holds the tools of developers too, and an image should not; pip
refuses the result if something is missing from it, because each of its packages must have a hash.
"""

import re
import sys
import tomllib
from pathlib import Path


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(text: str) -> dict[str, tuple[str, set[str]]]:
    """By name: the entry as it stands, and who needs it, as the comments below it tell."""
    entries = {}
    for entry in re.findall(r"^[^\s#].*(?:\n[ #].*)*", text, re.MULTILINE):
        name = re.match(r"[\w.-]+", entry)
        if name is None:
            raise ValueError(f"requirements.lock has an entry {entry[:80]!r}. Expected name==version.")
        comments = entry.partition("# via")[2]
        entries[canonical(name[0])] = (entry, {canonical(each) for each in re.findall(r"[\w.-]+", comments)})
    return entries


def needed(text: str, names: set[str]) -> list[str]:
    """The entries of these names, and of all that they need in turn. Raises KeyError for a name that is not locked."""
    entries = locked(text)
    found = {name: entries[name][0] for name in names}
    while more := {name for name, (_, users) in entries.items() if name not in found and users & found.keys()}:
        found |= {name: entries[name][0] for name in more}
    return [found[name] for name in sorted(found)]


def dependencies(pyproject: str) -> set[str]:
    listed = tomllib.loads(pyproject)["project"]["dependencies"]
    return {canonical(re.split(r"[^\w.-]", each, maxsplit=1)[0]) for each in listed}


if __name__ == "__main__":
    wanted = set(map(canonical, sys.argv[1:])) or dependencies(Path("pyproject.toml").read_text("utf-8"))
    sys.stdout.write("\n".join(needed(Path("requirements.lock").read_text("utf-8"), wanted)) + "\n")
