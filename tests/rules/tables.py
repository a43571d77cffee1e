"""What was found, as the tables of docs/rules.md."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from tests.rules.events.condition import Way
from tests.rules.ordinary import GRAVE, Day
from tests.rules.sigma import Rule
from tests.rules.trial import Verdict

_MARKED: Final = re.compile(r"(<!-- tables -->\n).*?(<!-- end -->)", re.DOTALL)


def merged(text: str, tables: str) -> str:
    """Raises ValueError where the marks are missing."""
    if _MARKED.search(text) is None:
        raise ValueError("Expected a line <!-- tables --> and, below it, a line <!-- end -->.")
    return _MARKED.sub(lambda marks: f"{marks[1]}\n{tables}\n\n{marks[2]}", text)


def all_tables(
    verdicts: Sequence[Verdict],
    alone: Sequence[Verdict],
    untold: Mapping[str, Sequence[Way]],
    reasons: Mapping[str, str],
    day: Day,
    on_the_day: Mapping[str, int],
) -> str:
    parts = (
        "## Rules that fire, and near misses",
        table(("rules for", "rules", "fire", "ways to meet them", "found", "near misses", "found"), _groups(verdicts)),
        f"Without `expressions.yaml`, {fired(alone)[0]} of the {fired(alone)[1]} generic rules fire.",
        "## What is not as it should be, and why",
        table(("rule", "what", "why"), _flaws(verdicts, reasons)),
        "## Ways that no event of Tetragon's can take",
        "Of rules that fire by others. A shell has its script in one argument, which Tetragon puts between quotation "
        "marks.",
        table(("rule", "its way"), _untold(verdicts, untold)),
        f"## An ordinary day: {day.events:,} events",
        _findings(day),
        table(("finding", "severity", "events"), _on_our_own(day)),
        "Rules of Sigma that fire on it, most of them rightly: they tell of what is done, good or bad.",
        table(("rule", "level", "events"), _on_the_day(verdicts, on_the_day)),
    )
    return "\n\n".join(part for part in parts if part)


def _findings(day: Day) -> str:
    if not day.findings:
        return "No document has `tetragon.findings`."
    return f"Findings of severity {GRAVE} or more: {day.rate:.1f} per 10,000 events."


def _on_our_own(day: Day) -> Iterator[tuple[object, ...]]:
    for (severity, rule), number in sorted(day.findings.items(), reverse=True):
        yield f"`{rule}`", severity, f"{number:,}"


def fired(verdicts: Iterable[Verdict]) -> tuple[int, int]:
    """Of those that are about an activity and not about auditd's records: how many fire, and how many there are."""
    generic = [each.fires for each in verdicts if each.rule.group != "auditd"]
    return sum(generic), len(generic)


def _groups(verdicts: Sequence[Verdict]) -> Iterator[tuple[object, ...]]:
    generic = [each for each in verdicts if each.rule.group != "auditd"]
    for group in dict.fromkeys(each.rule.group for each in generic):
        yield (f"`{group}`", *_sums([each for each in generic if each.rule.group == group]))
    yield ("generic, together", *_sums(generic))
    yield ("`auditd`", *_sums([each for each in verdicts if each.rule.group == "auditd"]))


def _sums(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    met = sum(len(each.met) for each in verdicts)
    numbers = (
        len(verdicts),
        sum(each.fires for each in verdicts),
        met,
        met - sum(len(each.missed) for each in verdicts),
        sum(len(each.near) for each in verdicts),
        sum(len(each.false) for each in verdicts),
    )
    return tuple(f"{number:,}" for number in numbers)


def _flaws(verdicts: Iterable[Verdict], reasons: Mapping[str, str]) -> Iterator[tuple[object, ...]]:
    for each in verdicts:
        why = each.refusal or reasons.get(each.rule.name, "not known")
        if not each.fires:
            yield each.rule.title, "does not fire", why
        elif each.false:
            yield each.rule.title, "fires for a near miss", why


def _untold(verdicts: Iterable[Verdict], untold: Mapping[str, Sequence[Way]]) -> Iterator[tuple[object, ...]]:
    for each in verdicts:
        if each.fires:
            for way in untold.get(each.rule.name, ()):
                yield each.rule.title, ", ".join(f"{atom.field} `{atom.value}`" for atom in way)


def _on_the_day(verdicts: Iterable[Verdict], found: Mapping[str, int]) -> list[tuple[object, ...]]:
    fired: list[tuple[Rule, int]] = [(each.rule, found[each.rule.name]) for each in verdicts if found[each.rule.name]]
    fired.sort(key=lambda each: (-each[1], each[0].title))
    return [(rule.title, rule.level, f"{count:,}") for rule, count in fired]


def table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    """Empty without rows."""
    told = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    lines = [list(head), ["---"] * len(head), *told]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) if told else ""
