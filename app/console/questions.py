"""What the page asks of Elasticsearch, and what it makes of the answer. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

Body = dict[str, Any]

# By the minutes that are shown: seconds of one step of the chart.
STEPS: Final[Mapping[int, int]] = {15: 15, 60: 60, 360: 300, 1440: 1200}
USUAL_MINUTES: Final = 60
SHOWN: Final = 12
MOST: Final = 8

_CHANGE: Final = [
    "@timestamp", "host.name", "kubernetes.namespace", "kubernetes.pod.name", "process.entity_id", "process.executable",
    "process.name", "user.id", "user.name", "tetragon.lineage.depth", "tetragon.privilege",
]  # fmt: skip
_FINDING: Final = [
    "@timestamp", "event.severity", "host.name", "kubernetes.namespace", "kubernetes.pod.name", "process.entity_id",
    "process.executable", "process.name", "tetragon.findings", "tetragon.lineage.depth",
]  # fmt: skip


def questions(minutes: int, index: str) -> list[Body]:
    """The body of one _msearch: counts, changes of privileges, findings, how much is stored."""
    window = {"range": {"@timestamp": {"gte": f"now-{minutes}m"}}}
    counts = {
        "size": 0,
        "track_total_hits": True,
        "query": window,
        "aggs": {
            "over_time": {
                "date_histogram": {"field": "@timestamp", "fixed_interval": f"{STEPS[minutes]}s"},
                "aggs": {"category": {"terms": {"field": "event.category", "size": MOST}}},
            },
            "binaries": {"terms": {"field": "process.executable", "size": MOST}},
            "files": {
                "terms": {"field": "tetragon.fim.category", "size": 100},
                "aggs": {"worst": {"max": {"field": "tetragon.fim.severity"}}},
            },
            "nodes": {"cardinality": {"field": "host.name"}},
            "newest": {"max": {"field": "@timestamp"}},
        },
    }
    changes = _gravest(window, "tetragon.privilege.severity", 0, _CHANGE)
    findings = _gravest(window, "event.severity", 1, _FINDING)
    everything = {"size": 0, "track_total_hits": True}
    header = {"index": index}
    return [part for body in (counts, changes, findings, everything) for part in (header, body)]


def _gravest(window: Body, severity: str, least: int, fields: Sequence[str]) -> Body:
    """Of alike ones the latest."""
    return {
        "size": SHOWN,
        "query": {"bool": {"filter": [window, {"range": {severity: {"gte": least}}}]}},
        "sort": [{severity: "desc"}, {"@timestamp": "desc"}],
        "_source": list(fields),
    }


class Unanswered(Exception):
    """Its text is Elasticsearch's reason."""


def read(answer: Mapping[str, Any], minutes: int) -> Body:
    """As the page wants it. Raises Unanswered."""
    for each in answer["responses"]:
        if "error" in each:
            error = each["error"]
            raise Unanswered(f"{error.get('type', 'error')}: {error.get('reason', '')}" if error else "no answer")
    counts, changes, findings, everything = answer["responses"]
    found = counts.get("aggregations", {})
    return {
        "minutes": minutes,
        "step": STEPS[minutes],
        "in_window": counts["hits"]["total"]["value"],
        "total": everything["hits"]["total"]["value"],
        "nodes": found.get("nodes", {}).get("value", 0),
        "newest": found.get("newest", {}).get("value"),  # ms
        "over_time": [
            {"time": bucket["key"], "all": bucket["doc_count"], "by": _counts(bucket["category"])}
            for bucket in found.get("over_time", {}).get("buckets", ())
        ],
        "binaries": _counts(found["binaries"]) if "binaries" in found else {},
        "files": _families(found.get("files", {}).get("buckets", ())),
        "changes": list(_documents(changes)),
        "findings": list(_documents(findings)),
    }


def _counts(terms: Mapping[str, Any]) -> dict[str, int]:
    return {bucket["key"]: bucket["doc_count"] for bucket in terms["buckets"]}


def _families(buckets: Iterable[Mapping[str, Any]]) -> list[Body]:
    """`credentials.shadow` is of the family `credentials`; the gravest first, then the most."""
    families: dict[str, Body] = {}
    for bucket in buckets:
        name = bucket["key"].partition(".")[0]
        family = families.setdefault(name, {"name": name, "documents": 0, "worst": 0})
        family["documents"] += bucket["doc_count"]
        family["worst"] = max(family["worst"], int(bucket["worst"]["value"] or 0))
    return sorted(families.values(), key=lambda each: (-each["worst"], -each["documents"], each["name"]))


def _documents(answer: Mapping[str, Any]) -> Iterable[Body]:
    return ({"id": hit["_id"], **hit["_source"]} for hit in answer["hits"]["hits"])
