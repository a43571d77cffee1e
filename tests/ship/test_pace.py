"""How often something is done is told by what it costs."""

from app.ship.pace import AT_EASE, IN_HASTE, SCAN_SECONDS, Pace


def test_what_was_never_done_is_due() -> None:
    assert Pace().due(-1000)


def test_what_costs_little_is_done_every_second_and_at_once_when_told() -> None:
    pace = Pace()
    pace.done(10, took=0)
    assert not pace.due(10 + SCAN_SECONDS / 2)
    assert pace.due(10 + SCAN_SECONDS)
    pace.told = True
    assert pace.due(10)


def test_what_costs_much_is_done_seldom_and_sooner_when_told() -> None:
    pace = Pace()
    pace.done(10, took=0.1)
    assert not pace.due(9.99 + AT_EASE * 0.1)
    assert pace.due(10.01 + AT_EASE * 0.1)
    pace.told = True
    assert not pace.due(9.99 + IN_HASTE * 0.1)
    assert pace.due(10.01 + IN_HASTE * 0.1)


def test_once_done_nothing_is_told_any_more() -> None:
    pace = Pace(told=True)
    pace.done(10, took=0)
    assert not pace.told
