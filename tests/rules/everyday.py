"""What software does all day, and what is found of it.

    python -m tests.rules.everyday [FILE...]

prints the findings of each block of the scripts, those that are not expected with the event that they are of.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from app.enrich.registry import load_agents
from tests.acts.script import told
from tests.rules.blocks import Block, blocks
from tests.rules.stored import enrich

SCRIPTS: Final = Path(__file__).parent / "everyday"

_AGENTS: Final = load_agents(None)


class Found(NamedTuple):
    severity: int
    rule: str
    reason: str
    document: dict[str, Any]


def findings(block: Block) -> Iterator[Found]:
    """Raises ValueError, naming the line."""
    try:
        script = told(block.where, block.lines)
    except ValueError as error:
        raise ValueError(f"{block.title}, {error}") from error
    for document in enrich([*script.before, *script.lines], script.node, _AGENTS).documents:
        for each in document["tetragon"].get("findings", ()):
            yield Found(each["severity"], each["rule"], each["reason"], document)


def main() -> None:
    for file in [Path(each) for each in sys.argv[1:]] or sorted(SCRIPTS.glob("*.txt")):
        for block in blocks(file):
            found = list(findings(block))
            rules = {each.rule for each in found}
            print(f"{file.stem}: {block.title}")
            for each in found:
                if each.rule in block.graves:
                    continue
                if each.severity > 2 or each.rule not in block.wanted:
                    done = each.document["tetragon"].get("operation", {})
                    what = each.document["tetragon"].get("fim", {}).get("reason", "")
                    path = each.document.get("file", {}).get("path") or done.get("path") or done.get("target") or ""
                    process = each.document["process"]
                    print(
                        f"  {each.severity} {each.rule}: {process['executable']} {done.get('kind', '')} {path} {what}"
                    )
            for rule in block.wanted.keys() - rules:
                print(f"  - {rule} is not found")
            for rule in block.graves:
                if not any(each.rule == rule and each.severity > 2 for each in found):
                    print(f"  - {rule} is not grave: {sorted((each.severity, each.rule) for each in found)}")


if __name__ == "__main__":
    main()
