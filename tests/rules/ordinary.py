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
    findings: Counter[str]  # by rule, those that are grave
    tells_findings: bool  # whether documents have any, grave or not

    @property
    def rate(self) -> float:
        """Grave findings in 10,000 events."""
        return 10_000 * self.findings.total() / self.events


def day(agents: list[Agent]) -> Day:
    lines: dict[str, list[bytes]] = {}
    for _, node, line in ordinary(*DAY):
        lines.setdefault(node, []).append(line)
    blocks: list[Block] = []
    grave: Counter[str] = Counter()
    events = told = 0
    for node, of_node in lines.items():
        enriched = enrich(of_node, node, agents)
        blocks += enriched.blocks
        events += len(enriched.documents)
        for found in map(_findings, enriched.documents):
            told += len(found)
            grave.update(str(each["rule"]) for each in found if each["severity"] >= GRAVE)
    return Day(blocks, events, grave, told > 0)


def _findings(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["tetragon"].get("findings", [])
    return found
