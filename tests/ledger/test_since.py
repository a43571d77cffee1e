import pytest

from app.errors import Stop
from app.ledger.since import since


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("6h", 21_600), ("7d", 604_800), ("all", None)]
)
def test_how_far_back(text: str, seconds: float | None) -> None:
    assert since(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "h", "-1h", "1.5h", "1w", "yesterday", "9999999999s"])
def test_what_it_is_not(text: str) -> None:
    with pytest.raises(Stop, match=r"--since has value .* Expected a number with s, m, h or d behind it"):
        since(text)
