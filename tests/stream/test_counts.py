from app.stream.counts import Counts


def test_drops_are_counted_by_rule_and_nothing_else_is() -> None:
    counts = Counts(dropped={"never": 0, "health": 1})
    counts.drop({"lines": 9, "dropped": 3, "dropped.health": 2, "dropped.ci": 1})

    assert counts.dropped == {"never": 0, "health": 3, "ci": 1}
