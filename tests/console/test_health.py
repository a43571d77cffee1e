from app.console.health import Board


def test_a_board_is_healthy_until_something_is_wrong_and_again_when_it_is_mended() -> None:
    board = Board()
    assert board.wire() == {"ok": True}
    board.set("kafka", False, "no answer")
    board.set("paths", False, "missing")
    board.set("kafka", False, "refused")
    assert not board.ok
    assert board.wire() == {"ok": False, "reasons": {"kafka": "refused", "paths": "missing"}}
    board.set("kafka", True)
    board.set("paths", True)
    assert board.ok


def test_what_is_needed_is_wrong_until_it_is_reached() -> None:
    board = Board("kafka")
    assert board.wire() == {"ok": False, "reasons": {"kafka": "not reached yet"}}
    board.set("kafka", True)
    assert board.wire() == {"ok": True}
