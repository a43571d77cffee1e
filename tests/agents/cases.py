"""Raw lines beside the documents expected of them: `<agent>/<case>.log` and `<case>.expected.json`."""

import json
from pathlib import Path
from typing import Any

from agents import Agent
from app.enrich.blocks import Enriched
from app.enrich.memory import Memory
from app.enrich.pipeline import Pipeline
from app.enrich.registry import load_agents
from schemas.record import FILE, PATH, POSITION, Record

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CORPUS = ROOT / "examples" / "corpus"
CORPUS_EXPECTED = HERE.parent / "enrich" / "corpus"

AGENTS = load_agents(None)
TIMESTAMP = 1_700_000_000_000  # of the record, in ms: @timestamp where a line has none
KEY = b"cluster/node"


def record_of(lines: bytes, name: str) -> Record:
    headers = {PATH: b"/var/log/tetragon/" + name.encode(), FILE: b"fingerprint", POSITION: b"0"}
    return Record("tetragon.events", 0, 0, TIMESTAMP, KEY, lines, headers)


def enriched(file: Path, agents: list[Agent], *, original: bool) -> Enriched:
    return Pipeline(agents, original=original).enrich(Memory(), record_of(file.read_bytes(), file.name))


def documents(file: Path, agents: list[Agent], *, original: bool) -> list[dict[str, Any]]:
    """Raises if a line became no document, or an agent failed."""
    found = enriched(file, agents, original=original)
    if found.rejections or found.failures:
        raise AssertionError([letter.reason for letter in found.rejections] or found.failures)
    return [json.loads(line) for value, _ in found.blocks for line in value.splitlines()[1::2]]


def expected_of(case: Path) -> Path:
    return case.with_suffix(".expected.json")


def cases(agent: Agent) -> list[Path]:
    return sorted((HERE / agent.name).glob("*.log"))


def agent_documents(case: Path, agent: Agent) -> list[dict[str, Any]]:
    """By that agent alone; the line itself stands beside."""
    return documents(case, [agent], original=False)


def corpus_documents(file: Path) -> list[dict[str, Any]]:
    return documents(file, AGENTS, original=False)


def leaves(document: dict[str, Any], under: str = "") -> set[str]:
    """Dotted names of all fields; an object in a list has the list's name before its own."""
    found: set[str] = set()
    for name, value in document.items():
        place = f"{under}.{name}" if under else name
        inner = [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
        if isinstance(value, dict):
            inner = [value]
        if inner:
            for each in inner:
                found |= leaves(each, place)
        else:
            found.add(place)
    return found
