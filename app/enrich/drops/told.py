"""What a person is told of drops: each line if they ask, and at the end what each rule came to."""

from collections.abc import Iterator, Mapping

import msgspec
import orjson

from app.enrich.drops.rules import Dropped, Rules


def of_line(dropped: Dropped) -> bytes:
    """JSON with its line end; node and time are left out where the line has none."""
    told = {name: value for name, value in msgspec.structs.asdict(dropped).items() if value}
    return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)


def of_rules(rules: Rules, counters: Mapping[str, int], kept: Mapping[str, int]) -> Iterator[str]:
    """A line with its end for each rule, in their order; `counters` and `kept` are those of Enriched, summed."""
    lines = counters["lines"]
    for rule in rules.all:
        dropped, left = counters.get(f"dropped.{rule.name}", 0), kept.get(rule.name, 0)
        if not dropped and not left:
            yield f"rule {rule.name}: nothing matched\n"
            continue
        sampled = f", and kept {left:,} more that matched" if rule.share else ""
        yield f"rule {rule.name}: dropped {dropped:,} of {lines:,} lines, {dropped / lines:.1%}{sampled}\n"
