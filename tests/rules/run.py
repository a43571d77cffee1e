"""Sigma's rules over events that they should find, over some that they should not, and over an ordinary day.

    python -m tests.rules.run [--write]

Starts an Elasticsearch for itself. The rules are those in ../shared/sigma, or in the folder that SIGMA_RULES names.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from app.enrich.registry import load_agents
from app.local.elasticsearch import Elasticsearch
from app.settings import Settings
from tests.rules.ordinary import Day, day
from tests.rules.reasons import REASONS
from tests.rules.sigma import ABSENT, ROOT, RULES, rules
from tests.rules.stored import stored
from tests.rules.tables import all_tables, fired, merged
from tests.rules.trial import Trial, Verdict, trial

DOCUMENT: Final = ROOT / "docs" / "rules.md"


class Outcome(NamedTuple):
    verdicts: list[Verdict]
    alone: list[Verdict]  # without what mends regular expressions
    on_the_day: dict[str, int]  # events by the rule's name


async def search(url: str, tried: Trial, quiet: Day) -> Outcome:
    queries = {rule.name: rule.query() for rule in tried.rules}
    async with stored(Settings(elasticsearch=url, data_stream="logs-tried.log-default"), tried.blocks) as store:
        verdicts = tried.verdicts(await store.found(queries))
        alone = tried.verdicts(await store.found({rule.name: rule.query(alone=True) for rule in tried.rules}))
    async with stored(Settings(elasticsearch=url, data_stream="logs-ordinary.log-default"), quiet.blocks) as store:
        found = await store.found(queries)
    on_the_day = {name: 0 if isinstance(ids, str) else len(ids) for name, ids in found.items()}
    return Outcome(verdicts, alone, on_the_day)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.rules.run", description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"the tables into {DOCUMENT.name}")
    given = parser.parse_args()
    if not RULES.is_dir():
        sys.exit(f"rules: {ABSENT}")
    agents = load_agents(None)
    tried, quiet = trial(agents, rules()), day(agents)
    folder = Path(tempfile.mkdtemp(prefix="tetrastash-rules-"))
    engine = Elasticsearch(folder)
    try:
        engine.start()
        outcome = asyncio.run(search(engine.url, tried, quiet))
    finally:
        engine.stop()
        shutil.rmtree(folder)
    verdicts = outcome.verdicts
    tables = all_tables(verdicts, outcome.alone, tried.untold, REASONS, quiet, outcome.on_the_day)
    print(tables, end="\n\n")
    if given.write:
        DOCUMENT.write_text(merged(DOCUMENT.read_text("utf-8"), tables), "utf-8")
    fire, asked = fired(verdicts)
    print(f"rules: sigma {fire} of {asked} fire, benign {quiet.rate:.1f} findings per 10,000 events")


if __name__ == "__main__":
    main()
