"""All rules tried at once: which of them fire as they should, and which do not."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agents import Agent
from app.index.bulk import Block
from tests.rules.events.cases import Case, cases
from tests.rules.events.condition import Way
from tests.rules.events.tell import Teller
from tests.rules.sigma import Rule
from tests.rules.stored import enrich

Found = Mapping[str, set[str] | str]


class Tried(NamedTuple):
    rule: Rule
    case: Case
    about: frozenset[str]  # ids of what the rule must find if it fires, and of nothing else
    others: frozenset[str]  # of the rest of what was done, which it must not find


class Trial(NamedTuple):
    blocks: list[Block]
    rules: list[Rule]
    tried: list[Tried]
    untold: dict[str, list[Way]]  # by the rule's name

    def verdicts(self, found: Found) -> list["Verdict"]:
        return [self._verdict(rule, found[rule.name]) for rule in self.rules]

    def _verdict(self, rule: Rule, found: set[str] | str) -> "Verdict":
        own = [each for each in self.tried if each.rule == rule]
        fires = [each for each in own if each.case.fires]
        misses = [each for each in own if not each.case.fires]
        if isinstance(found, str):
            return Verdict(rule, fires, misses, [each.case for each in fires], [], f"refused: {found}")
        missed = [each.case for each in fires if not each.about <= found or each.others & found]
        false = [each.case for each in misses if (each.about | each.others) & found]
        return Verdict(rule, fires, misses, missed, false, "")


class Verdict(NamedTuple):
    rule: Rule
    met: list[Tried]
    near: list[Tried]
    missed: list[Case]  # what it should have found, and nothing else of what was done
    false: list[Case]
    refusal: str

    @property
    def fires(self) -> bool:
        return bool(self.met) and not self.missed


def trial(agents: list[Agent], asked: Sequence[Rule]) -> Trial:
    teller = Teller()
    lines = list(teller.before)
    places: list[tuple[Rule, Case, range, frozenset[int]]] = []
    untold: dict[str, list[Way]] = {}
    for rule in asked:
        made = cases(rule.group, rule.condition)
        if made.untold:
            untold[rule.name] = made.untold
        for case in made.cases:
            told = teller.tell(rule.group, case.deed)
            first = len(lines)
            lines += told.lines
            places.append((rule, case, range(first, len(lines)), frozenset(first + place for place in told.about)))
    enriched = enrich(lines, teller.name, agents)
    ids = enriched.ids
    tried = [
        Tried(
            rule,
            case,
            frozenset(ids[place] for place in about),
            # auditd tells a system call of each of them.
            frozenset(ids[place] for place in within if place not in about and rule.group != "auditd"),
        )
        for rule, case, within, about in places
    ]
    return Trial(enriched.blocks, list(asked), tried, untold)
