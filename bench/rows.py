"""The rows of the table, their budgets, and what a figure is made of. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Final, Literal, NamedTuple

Group = Literal["ship", "enrich", "paths", "pipeline", "scale", "trickle", "idle", "start", "memory", "outage", "sweep"]
Unit = Literal["µs", "s", "MB", "%"]  # µs of CPU for one, seconds by the clock, megabytes (10^6) resident, % of a core


class Row(NamedTuple):
    """`command` is what is measured, in short; `peer` is what does the same in the simplest way."""

    group: Group
    unit: Unit
    budget: float | None
    command: str
    peer: str = ""


class Reading(NamedTuple):
    """One measurement of the row that has this name."""

    row: str
    ours: float
    peer: float | None = None
    note: str = ""


class Figure(NamedTuple):
    """The median of a row's readings, with the least and the greatest."""

    ours: float
    least: float
    greatest: float
    peer: float | None
    note: str


ROWS: Final[Mapping[str, Row]] = {
    "ship": Row("ship", "µs", 4, "tetrastash ship --once LOGS", "python -m bench.bare ship"),
    "enrich": Row("enrich", "µs", 13, "tetrastash enrich LOGS > /dev/null", "python -m bench.bare filter"),
    "enrich, story": Row("enrich", "µs", 16, "tetrastash enrich STORY > /dev/null", "python -m bench.bare filter"),
    "path, new": Row("paths", "µs", 6, "Classifier.classify_anew(path)", "orjson.loads(event)"),
    "path, seen before": Row("paths", "µs", 0.2, "Classifier.classify(path)", "orjson.loads(event)"),
    "Kafka to Elasticsearch": Row("pipeline", "µs", 22, "tetrastash work"),
    "Kafka to a null server": Row("pipeline", "µs", 22, "tetrastash work", "python -m bench.bare work"),
    "  enrich stage alone": Row("pipeline", "µs", 13, "tetrastash work --only enrich"),
    "  index stage alone, null server": Row("pipeline", "µs", 4, "tetrastash work --only index"),
    "one worker": Row("scale", "µs", None, "tetrastash work"),
    "  two workers": Row("scale", "µs", None, "tetrastash work, twice"),
    "  four workers": Row("scale", "µs", None, "tetrastash work, four times"),
    "trickle": Row("trickle", "µs", 60, "tetrastash ship LOGS; tetrastash work"),
    "  file to stored, p50": Row("trickle", "s", None, "tetrastash ship LOGS; tetrastash work"),
    "  file to stored, p99": Row("trickle", "s", 1, "tetrastash ship LOGS; tetrastash work"),
    "trickle, null server": Row("trickle", "µs", 60, "tetrastash ship LOGS; tetrastash work"),
    "  file to answer, p99": Row("trickle", "s", 1, "tetrastash ship LOGS; tetrastash work"),
    "10,000 idle files": Row("idle", "%", 1, "tetrastash ship 'LOGS/*.log'"),
    "  while one of them grows": Row("idle", "%", None, "tetrastash ship 'LOGS/*.log'"),
    "  shipper, idle files": Row("idle", "MB", 80, "tetrastash ship 'LOGS/*.log'"),
    "first document": Row("start", "s", 5, "tetrastash work"),
    "worker, outage": Row("outage", "MB", 400, "tetrastash ship LOGS; tetrastash work"),
    "shipper, outage": Row("outage", "MB", 60, "tetrastash ship LOGS; tetrastash work"),
    # At three times the rate, for what comes meanwhile comes on top.
    "  all is stored again": Row("outage", "s", 300, "tetrastash ship LOGS; tetrastash work"),
    # 2 % of what indexing costs.
    "sweep": Row("sweep", "µs", 3, "a round after 50,000 new documents"),
    "  sweep of old events": Row("sweep", "µs", None, "a round after 50,000 documents of last week"),
    "worker, pipeline": Row("memory", "MB", 250, "tetrastash work"),
    "worker, trickle": Row("memory", "MB", 250, "tetrastash work"),
    "shipper, once": Row("memory", "MB", 60, "tetrastash ship --once LOGS"),
    "shipper, trickle": Row("memory", "MB", 60, "tetrastash ship LOGS"),
}
HEADINGS: Final = ("", "measured", "budget", "", "peer", "ratio", "least to greatest", "remarks")


def figures(readings: Iterable[Reading]) -> dict[str, Figure]:
    by_row: dict[str, list[Reading]] = {}
    for reading in readings:
        by_row.setdefault(reading.row, []).append(reading)
    return {name: _figure(by_row[name]) for name in ROWS if name in by_row}


def cells(found: Mapping[str, Figure], groups: Iterable[Group]) -> list[tuple[str, ...]]:
    """As text, in the order of HEADINGS. A row of the groups that has no figure says so."""
    return [_cells(name, row, found.get(name)) for name, row in ROWS.items() if row.group in set(groups)]


def is_over(row: Row, figure: Figure) -> bool:
    return row.budget is not None and figure.ours > row.budget


def share(sorted_values: Sequence[float], part: float) -> float:
    """The least value that at least `part` of all do not exceed; `sorted_values` are not empty."""
    return sorted_values[max(0, -int(-part * len(sorted_values) // 1) - 1)]


def _figure(readings: Sequence[Reading]) -> Figure:
    ours = [reading.ours for reading in readings]
    peers = [reading.peer for reading in readings if reading.peer is not None]
    middle = median(ours)
    nearest = min(readings, key=lambda reading: abs(reading.ours - middle))
    return Figure(middle, min(ours), max(ours), median(peers) if peers else None, nearest.note)


def _cells(name: str, row: Row, figure: Figure | None) -> tuple[str, ...]:
    budget = "" if row.budget is None else _shown(row.budget, row.unit)
    if figure is None:
        return (name, "not measured", budget, "", "", "", "", "")
    return (
        name,
        _shown(figure.ours, row.unit),
        budget,
        "OVER" if is_over(row, figure) else "",
        "" if figure.peer is None else _shown(figure.peer, row.unit),
        f"{figure.ours / figure.peer:.2f}" if figure.peer else "",
        "" if figure.least == figure.greatest else f"{figure.least:.2f} to {figure.greatest:.2f}",
        figure.note,
    )


def _shown(value: float, unit: Unit) -> str:
    digits = {"µs": 1, "s": 2, "MB": 0, "%": 2}[unit]
    if unit == "µs" and value < 0.1:
        digits = 3  # an answer that is remembered costs less than a tenth
    return f"{value:.{0 if value == int(value) else digits}f} {unit}"
