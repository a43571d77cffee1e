"""Each way in which a log can surprise its reader, one by one; test_tail tries them in all orders."""

import gzip
import os
from pathlib import Path

import pytest

from app.ship.blocks import BLOCK_BYTES, LINE_BYTES
from app.ship.book import Book, Loss, Totals, decode_book
from app.ship.logs import SKIPPED_BLOCKS
from app.ship.scan import HELD_OPEN
from tests.ship.disk import Reading, Writer, a_read_log


def only_totals(reading: Reading) -> Totals:
    [entry] = reading.book.logs.values()
    [totals] = entry.totals.values()
    return totals


def test_a_block_holds_whole_lines_and_tells_where_they_lie(tmp_path: Path) -> None:
    lines = [b"%d %b\n" % (number, b"x" * (number * 37 % 5000)) for number in range(500)]
    log = tmp_path / "x.log"
    log.write_bytes(b"".join(lines))
    reading = Reading(log)
    reading.run(1)
    position = line = 0
    for block, value in reading.durable:
        assert (block.position, block.line) == (position, line)
        assert value.endswith(b"\n")
        assert len(value) <= BLOCK_BYTES
        assert block.lines == value.count(b"\n")
        position += len(value)
        line += block.lines
    assert len(reading.durable) == -(-position // BLOCK_BYTES)
    assert b"".join(value for _, value in reading.durable) == b"".join(lines)
    assert only_totals(reading) == Totals(lines=500, bytes=position, blocks=len(reading.durable))


def test_a_torn_line_waits_for_its_end(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    reading = Reading(writer.log)
    writer.write(b"one\ntw")
    reading.run(60)
    assert reading.lines() == [b"one"]
    writer.write(b"o\n")
    reading.run(0.1)
    assert reading.lines() == [b"one", b"two"]


def test_the_end_of_a_rotated_file_is_a_line_even_without_a_line_end(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    reading = Reading(writer.log)
    writer.write(b"one\ntwo")
    reading.step()
    writer.rotate()
    writer.write(b"three\n")
    reading.run()
    assert reading.lines() == [b"one", b"two", b"three"]


def test_a_writer_may_finish_its_line_just_after_the_rename(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    reading = Reading(writer.log)
    writer.write(b"one\ntw")
    reading.step()
    backup = writer.log.rename(tmp_path / "x-2026-01-02T15-04-05.000.log")
    writer.log.write_bytes(b"three\n")
    reading.step()
    with backup.open("ab") as file:
        file.write(b"o\n")
    reading.run()
    assert reading.lines() == [b"one", b"two", b"three"]


def test_backups_found_at_the_start_are_read_first_and_the_oldest_of_them_first(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    for number in range(5):
        writer.write(b"%d\n" % number)
        if number < 4 and (backup := writer.rotate()) and number % 2:
            writer.pack(backup)
            backup.unlink()
    reading = Reading(writer.log)
    reading.step()
    assert [value for _, value in reading.flying] == [b"0\n", b"1\n", b"2\n", b"3\n", b"4\n"]
    assert {block.file.path for block, _ in reading.flying} == {str(writer.log)}


def test_a_plain_backup_and_its_packed_form_are_one_file(tmp_path: Path) -> None:
    writer, reading = a_read_log(tmp_path, b"one\ntwo\n")
    backup = writer.rotate()
    assert backup is not None
    reading.save()
    writer.pack(backup)
    reading.restart()
    reading.run(30)
    backup.unlink()
    reading.save()
    reading.restart()
    reading.run(30)
    assert reading.lines() == [b"one", b"two"]
    assert reading.losses() == []


def test_a_packed_backup_is_read_on_where_the_plain_one_was_left(tmp_path: Path) -> None:
    writer, reading = a_read_log(tmp_path, b"one\ntwo\n")
    reading.save()
    writer.write(b"three\n")
    backup = writer.rotate()
    assert backup is not None
    writer.pack(backup)
    backup.unlink()
    reading.restart()
    reading.run(1)
    assert [(block.position, block.line, value) for block, value in reading.durable] == [
        (0, 0, b"one\ntwo\n"),
        (8, 2, b"three\n"),
    ]
    assert len({block.file.place.file for block, _ in reading.durable if block.file.place}) == 1


def test_a_log_that_was_not_yet_read_is_known_again_when_it_is_packed_at_once(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    reading = Reading(writer.log)
    reading.step(most=0)
    backup = writer.rotate()
    assert backup is not None
    writer.pack(backup)
    backup.unlink()
    reading.run(30)
    assert reading.lines() == [b"one"]


def test_a_backup_that_is_unlinked_while_it_waits_is_read_all_the_same(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(b"one\n")
    reading = Reading(writer.log)
    reading.step(most=0)
    for number in range(3):
        backup = writer.rotate()
        assert backup is not None
        reading.step(most=0)
        backup.unlink()
        writer.write(b"%d\n" % number)
    reading.run()
    assert reading.lines() == [b"one", b"0", b"1", b"2"]


def test_a_backup_that_vanished_unread_is_a_known_loss_told_once(tmp_path: Path) -> None:
    writer, reading = a_read_log(tmp_path, b'{"node_name":"n1"}\n')
    writer.write(b"lost one\n")
    reading.step(most=0)
    reading.save()
    backup = writer.rotate()
    assert backup is not None
    backup.unlink()
    writer.write(b"kept\n")
    reading.restart()
    reading.run(30)
    reading.save()
    reading.restart()
    reading.run(30)
    assert reading.lines() == [b'{"node_name":"n1"}', b"kept"]
    assert reading.losses() == [(19, 9, "vanished before its end was read")]
    [loss] = reading.book.losses
    assert (loss.path, loss.key) == (str(writer.log), "n1")
    totals = reading.book.logs[str(writer.log)].totals["n1"]
    assert (totals.lost_files, totals.lost_bytes) == (1, 9)


def test_a_backup_that_was_read_may_go_without_a_word(tmp_path: Path) -> None:
    writer, reading = a_read_log(tmp_path, b"one\n")
    backup = writer.rotate()
    assert backup is not None
    reading.run(30)
    assert len(reading.book.logs[str(writer.log)].files) == 1
    backup.unlink()
    reading.run(30)
    assert reading.losses() == []
    assert reading.book.logs[str(writer.log)].files == []


def test_files_of_one_log_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    reading = Reading(writer.log)
    for number in range(3):
        writer.write(b"the same beginning\n%d\n" % number)
        if number == 1:
            reading.run(1)
            reading.save()
            reading.restart()
        writer.rotate()
    reading.run(30)
    reading.save()
    reading.restart()
    reading.run(30)
    assert reading.lines() == [line for n in range(3) for line in (b"the same beginning", b"%d" % n)]
    names = {block.file.place.file for block, _ in reading.durable if block.file.place is not None}
    assert sorted(name.partition(".")[2] for name in names) == ["", "1", "2"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_long_line_is_a_block_of_its_own(tmp_path: Path, packed: bool) -> None:
    long = b"x" * 5_000_000
    text = b"before\n" + long + b"\nafter\n"
    log = tmp_path / "x.log"
    if packed:
        (tmp_path / "x-2026-01-02T15-04-05.000.log.gz").write_bytes(gzip.compress(text))
    else:
        log.write_bytes(text)
    reading = Reading(log)
    reading.run(1)
    assert [value for _, value in reading.durable] == [b"before\n", long + b"\n", b"after\n"]


@pytest.mark.parametrize("length", [BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, LINE_BYTES - 1])
def test_lines_around_the_size_of_a_block_pass(tmp_path: Path, length: int) -> None:
    log = tmp_path / "x.log"
    log.write_bytes((b"x" * length + b"\n") * 2)
    reading = Reading(log)
    reading.run(1)
    assert reading.lines() == [b"x" * length] * 2


@pytest.mark.parametrize("ended", [False, True])
def test_a_line_that_is_too_long_to_be_sent_is_a_known_loss_and_takes_no_memory(tmp_path: Path, ended: bool) -> None:
    writer = Writer(tmp_path)
    reading = Reading(writer.log)
    writer.write(b"before\n" + b"x" * (LINE_BYTES + 1))
    reading.run(1)
    writer.write(b"y" * (3 * LINE_BYTES))
    reading.run(1)
    assert reading.losses() == []  # its end is not there yet
    if ended:
        writer.write(b"\nafter\n")
    writer.rotate()
    writer.write(b"next file\n")
    reading.run(30)
    assert reading.lines() == [b"before", *([b"after"] if ended else []), b"next file"]
    assert reading.losses() == [(7, 4 * LINE_BYTES + 1 + ended, "the line is longer than can be sent")]
    assert len(reading.tail._shared.buffer) < 2 * BLOCK_BYTES
    totals = reading.book.logs[str(writer.log)].totals["host"]
    assert (totals.lines, totals.lost_lines) == (len(reading.lines()), 1)
    if ended:
        assert [block.line for block, value in reading.durable if value == b"after\n"] == [2]


def test_the_key_is_of_the_first_line_that_tells_and_stays(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    reading = Reading(writer.log)
    writer.write(b'not json\n{"node_name":"n1","cluster_name":"c"}\n')
    reading.run(1)
    reading.save()
    reading.restart()
    writer.write(b'{"node_name":"n2"}\n')
    reading.run(1)
    assert {block.file.key for block, _ in reading.durable} == {b"c/n1"}
    assert list(decode_book(reading.saved).logs[str(writer.log)].totals) == ["c/n1"]


def test_the_key_is_the_setting_if_there_is_one_and_the_host_if_nothing_tells(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(b'not json\n{"node_name":7}\n')
    for node, key in [("c/mine", b"c/mine"), (None, b"host")]:
        reading = Reading(writer.log, node=node)
        reading.run(1)
        assert {block.file.key for block, _ in reading.durable} == {key}


def test_an_empty_file_is_fine(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.log.touch()
    reading = Reading(writer.log, once=True)
    reading.run(1)
    assert reading.tail.finished()
    reading = Reading(writer.log)
    reading.run(1)
    writer.rotate()
    writer.write(b"one\n")
    reading.run(30)
    assert reading.lines() == [b"one"]
    assert reading.tail.problems == {}


def test_a_glob_finds_logs_that_appear_later(tmp_path: Path) -> None:
    reading = Reading(tmp_path / "*" / "tetragon*.log")
    reading.run(1)
    [sentence] = reading.tail.problems.values()
    assert f"Path {str(tmp_path / '*' / 'tetragon*.log')!r} names no file" in sentence
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        writer = Writer(tmp_path / name)
        writer.write(b"%b1\n" % name.encode())
        writer.rotate()
        writer.write(b"%b2\n" % name.encode())
    reading.run()
    assert sorted(reading.lines()) == [b"a1", b"a2", b"b1", b"b2"]
    assert reading.tail.problems == {}
    assert sorted(reading.book.logs) == [str(tmp_path / name / "tetragon.log") for name in ("a", "b")]


def test_a_glob_that_names_a_log_reads_all_its_backups_even_when_only_backups_are_there(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    for number in range(3):
        writer.write(b"%d\n" % number)
        backup = writer.rotate()
        if backup is not None and number < 2:
            writer.pack(backup)
            backup.unlink()
    reading = Reading(tmp_path / "*.log", once=True)
    reading.run()
    assert reading.lines() == [b"0", b"1", b"2"]


def test_a_backup_that_is_named_is_read_alone(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    for number in range(3):
        writer.write(b"%d\n" % number)
        writer.rotate()
    reading = Reading(writer.backups()[1], once=True)
    reading.run()
    assert reading.lines() == [b"1"]
    assert reading.losses() == []


def test_a_book_of_another_log_is_left_alone(tmp_path: Path) -> None:
    first, second = Writer(tmp_path, "a.log"), Writer(tmp_path, "b.log")
    first.write(b"one\n")
    second.write(b"two\n")
    reading = Reading(first.log)
    reading.run(1)
    reading.save()
    reading.paths = [str(second.log)]
    reading.restart()
    reading.run(60)
    assert sorted(reading.book.logs) == [str(first.log), str(second.log)]
    assert reading.book.logs[str(first.log)].files[0].position == 4


def test_old_losses_make_room_for_new_ones(tmp_path: Path) -> None:
    reading = Reading(tmp_path / "x.log")
    reading.book.losses += [Loss("", "", str(number), "", 0, 0, "") for number in range(1000)]
    writer = Writer(tmp_path, "x.log")
    writer.write(b"x" * (LINE_BYTES + 1) + b"\n")
    reading.run(1)
    assert len(reading.book.losses) == 1000
    assert reading.book.losses[0].file == "1"
    assert isinstance(reading.book, Book)


def test_a_wrapped_line_that_is_larger_than_a_block_keeps_its_parts_together(tmp_path: Path) -> None:
    before = b"2026-01-02T03:04:05Z stdout F before\n"
    parts = [b"2026-01-02T03:04:05Z stdout P " + b"x" * 16_384 + b"\n" for _ in range(2 * BLOCK_BYTES // 16_384)]
    long = b"".join(parts) + b"2026-01-02T03:04:05Z stdout F end\n"
    (tmp_path / "x.log").write_bytes(before + long + before)
    reading = Reading(tmp_path / "x.log")
    reading.run(1)
    assert [value for _, value in reading.durable] == [before, long, before]
    assert [block.line for block, _ in reading.durable] == [0, 1, len(parts) + 2]


def test_parts_that_are_too_long_together_are_sent_as_they_are(tmp_path: Path) -> None:
    part = b"2026-01-02T03:04:05Z stdout P " + b"x" * 16_384 + b"\n"
    text = part * (2 * LINE_BYTES // len(part)) + b"2026-01-02T03:04:05Z stdout F end\n"
    (tmp_path / "x.log").write_bytes(text)
    reading = Reading(tmp_path / "x.log")
    reading.run(1)
    assert b"".join(value for _, value in reading.durable) == text
    assert max(block.length for block, _ in reading.durable) <= LINE_BYTES
    assert reading.losses() == []


@pytest.mark.parametrize("folder", [b"two\nlines", b"[prod] \xc3\xa9", b"not \xff UTF-8"])
def test_a_folder_may_be_called_anything(tmp_path: Path, folder: bytes) -> None:
    writer = Writer(tmp_path / os.fsdecode(folder))
    writer.log.parent.mkdir()
    writer.write(b"one\n")
    writer.rotate()
    writer.write(b"two\n")
    reading = Reading(tmp_path / "*" / "*.log")
    reading.run(1)
    reading.write_down()
    reading.restart()
    writer.write(b"three\n")
    writer.rotate()
    writer.write(b"four\n")
    reading.run(3)
    assert reading.lines() == [b"one", b"two", b"three", b"four"]
    reading.tail.logs[str(writer.log)].entry.lose_file(
        reading.book.logs[next(iter(reading.book.logs))].files[0], 1, "why"
    )
    reading.save()
    reading.write_down()
    assert reading.kept() == reading.book


def test_a_glob_passes_over_folders(tmp_path: Path) -> None:
    (tmp_path / "folder.log").mkdir()
    (tmp_path / "x.log").write_bytes(b"one\n")
    for pattern in ("*.log", "**"):
        reading = Reading(tmp_path / pattern)
        reading.run(1)
        assert reading.lines() == [b"one"]
        assert reading.tail.problems == {}


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_that_is_too_long_is_passed_over_at_full_speed(tmp_path: Path, packed: bool) -> None:
    text = b"before\n" + b"x" * (SKIPPED_BLOCKS * BLOCK_BYTES) + b"\nafter\n"
    backup = tmp_path / "x-2026-01-02T15-04-05.000.log"
    if packed:
        backup.with_name(f"{backup.name}.gz").write_bytes(gzip.compress(text, 1))
    else:
        backup.write_bytes(text)
    reading = Reading(tmp_path / "x.log", once=True)
    for _ in range(4):
        reading.step()
        reading.acknowledge()
    assert reading.lines() == [b"before", b"after"]
    assert [lost for _, lost, _ in reading.losses()] == [len(text) - len(b"before\nafter\n")]


@pytest.mark.parametrize("happens", ["running", "stopped", "packed"])
def test_backups_of_a_log_that_is_a_link_are_found_beside_its_file(tmp_path: Path, happens: str) -> None:
    for folder in ("real", "linked"):
        (tmp_path / folder).mkdir()
    writer = Writer(tmp_path / "real")
    link = tmp_path / "linked" / "x.log"
    link.symlink_to(writer.log)
    reading = Reading(link)
    for number in range(HELD_OPEN + 4):
        writer.write(b"%d\n" % number)
        reading.run(0.5)
        reading.save()
        writer.write(b"%d more\n" % number)
        backup = writer.rotate()
        if happens != "running" and number % 3:
            reading.restart()
        if happens == "packed" and backup is not None:
            writer.pack(backup)
            backup.unlink()
    reading.restart()
    reading.run(60)
    assert sorted(reading.lines()) == sorted(writer.written)
    assert reading.losses() == []
    assert reading.tail.awake() == []  # it rests, with all its backups


def test_a_packed_backup_that_ends_with_a_line_that_is_too_long_is_read_to_its_end(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.write(b"before\n" + b"x" * (LINE_BYTES + 1))
    backup = writer.rotate()
    assert backup is not None
    writer.pack(backup)
    backup.unlink()
    writer.write(b"next file\n")
    reading = Reading(writer.log)
    reading.run(30)
    assert reading.lines() == [b"before", b"next file"]
    assert reading.losses() == [(7, LINE_BYTES + 1, "the line is longer than can be sent")]
    assert next(place for place in reading.book.logs[str(writer.log)].files if place.position > LINE_BYTES).ended


def test_a_glob_that_fits_a_packed_file_without_a_time_reads_it(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    (tmp_path / "x.log.gz").write_bytes(gzip.compress(b"before\n"))
    log.write_bytes(b"one\n")
    for pattern in (tmp_path / "*", tmp_path / "x.log*"):
        reading = Reading(pattern)
        reading.run(20)
        assert reading.lines() == [b"before", b"one"]
        assert reading.tail.awake() == []
        with log.open("ab") as file:
            file.write(b"two\n")
        reading.run(3)
        reading.save()
        reading.restart()
        reading.run(20)
        assert reading.lines() == [b"before", b"one", b"two"]
        assert reading.losses() == []
        log.write_bytes(b"one\n")
    reading = Reading(log)
    reading.run(20)
    assert reading.lines() == [b"one"]
