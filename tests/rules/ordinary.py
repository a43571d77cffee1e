"""An ordinary day of a cluster, on which rules and findings should keep quiet."""

from collections import Counter
from typing import Any, Final, NamedTuple

from agents import Agent
from app.index.bulk import Block
from examples.story import ordinary
from tests.rules.stored import enrich

DAY: Final = (1, 20, 10.0, 20.0)  # seed, nodes, minutes, events a second
GRAVE: Final = 3


class Day(NamedTuple):
    blocks: list[Block]
    events: int
    findings: Counter[tuple[int, str]]  # by severity and rule

    @property
    def rate(self) -> float:
        """Grave findings in 10,000 events."""
        grave = sum(number for (severity, _), number in self.findings.items() if severity >= GRAVE)
        return 10_000 * grave / self.events


def day(agents: list[Agent]) -> Day:
    lines: dict[str, list[bytes]] = {}
    for _, node, line in ordinary(*DAY):
        lines.setdefault(node, []).append(line)
    blocks: list[Block] = []
    findings: Counter[tuple[int, str]] = Counter()
    events = 0
    for node, of_node in lines.items():
        enriched = enrich(of_node, node, agents)
        blocks += enriched.blocks
        events += len(enriched.documents)
        for document in enriched.documents:
            findings.update((int(each["severity"]), str(each["rule"])) for each in _findings(document))
    return Day(blocks, events, findings)


def _findings(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["tetragon"].get("findings", [])
    return found
