"""An ordinary day has few grave findings."""

from hashlib import sha256

import pytest

from app.enrich.registry import load_agents
from examples.story import ordinary
from tests.rules.ordinary import DAY, day

MOST = 5.0  # in 10,000 events


def test_the_day_is_always_the_same() -> None:
    log = b"\n".join(line for _, _, line in ordinary(*DAY))

    assert sha256(log).hexdigest() == "aa88a743286eda03d1fa015533624861989de108ac5c6feee306bd75e3db46b1"


def test_grave_findings_are_rare() -> None:
    quiet = day(load_agents(None))
    if not quiet.findings:
        pytest.skip("no document has tetragon.findings")

    assert quiet.rate <= MOST, quiet.findings
