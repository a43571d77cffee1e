from app.local.books import Books, Tally


def block(*ids: str) -> bytes:
    return b"".join(b'{"create":{"_id":"%b"}}\n{"a":1}\n' % name.encode() for name in ids)


def test_books_balance_when_every_line_is_stored_a_duplicate_or_rejected() -> None:
    assert Books(lines=10, documents=7, duplicates=2, rejected=1).lost == 0


def test_a_line_that_came_out_twice_does_not_hide_one_that_is_lost() -> None:
    assert Books(lines=10, documents=11, duplicates=0, rejected=0).lost == -1


def test_a_document_with_an_id_that_was_there_is_a_duplicate() -> None:
    tally = Tally()
    tally.document_block(b"0:1", block("a", "b", "a"))
    tally.document_block(b"1:1", block("b"))

    assert tally.books(lines=4, documents=2) == Books(lines=4, documents=2, duplicates=2, rejected=0)


def test_a_block_that_was_written_again_is_no_duplicate() -> None:
    tally = Tally()
    tally.document_block(b"0:1", block("a", "b"))
    tally.document_block(b"0:1", block("a", "b"))

    assert tally.books(lines=2, documents=2).duplicates == 0


def test_two_blocks_of_one_source_are_two() -> None:
    tally = Tally()
    tally.document_block(b"0:1", block("a"))
    tally.document_block(b"0:1", block("b"))

    assert tally.books(lines=2, documents=2).lost == 0


def test_a_rejection_that_was_sent_twice_counts_once() -> None:
    tally = Tally()
    for key in (b"x", b"y", b"x"):
        tally.rejection(key)

    assert tally.books(lines=2, documents=0).rejected == 2
