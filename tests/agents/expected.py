"""Writes every expected document anew: `make expected`, then read the difference before you commit it."""

import json
from pathlib import Path
from typing import Any

from tests.agents.cases import (
    AGENTS,
    CORPUS,
    CORPUS_EXPECTED,
    agent_documents,
    cases,
    corpus_documents,
    expected_of,
)


def write(file: Path, documents: list[dict[str, Any]]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(documents, indent=2, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    for agent in AGENTS:
        for case in cases(agent):
            write(expected_of(case), agent_documents(case, agent))
    for file in sorted(CORPUS.glob("*.ndjson")):
        write(CORPUS_EXPECTED / expected_of(file).name, corpus_documents(file))
