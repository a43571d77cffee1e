import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.ship.book import Book
from app.ship.inotify import Inotify
from app.ship.watching import Unwatched
from tests.ship.disk import Reading, Writer

# Pieces of lines, so that every cut is tried; some are alike, and so are some beginnings of files.
PIECES = st.lists(st.sampled_from([b"\n", b"a", b"{}\n", b"line of some length\n", b"x" * 100]), max_size=6)
STEPS = st.one_of(
    st.tuples(st.just("write"), PIECES.map(b"".join)),
    st.tuples(st.sampled_from(["rotate", "pack", "unlink", "save", "write down", "write down", "fail"]), st.just(b"")),
    st.tuples(st.just("restart"), st.just(b"")),
    st.tuples(st.sampled_from(["step", "step", "rest"]), st.just(b"")),
    st.tuples(st.sampled_from(["acknowledge", "acknowledge one"]), st.just(b"")),
)


def without_sizes(book: Book) -> object:
    """Those are saved now and then, and so is that a log is known."""
    logs = {path: entry for path, entry in book.logs.items() if entry.files or entry.totals}
    return [
        book.losses,
        {path: (entry.totals, [replace(place, size=0) for place in entry.files]) for path, entry in logs.items()},
    ]


WATCHES = st.sampled_from([Inotify, Unwatched])


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=40), st.booleans(), WATCHES)
@example(
    [("write", b"\n"), ("step", b""), ("write down", b""), ("rest", b""), ("write down", b"")], False, Inotify
)  # rests with a block that nobody has acknowledged
def test_every_line_is_read_once_whatever_is_written_rotated_packed_and_restarted_when(
    steps: list[tuple[str, bytes]], distinct: bool, system: type[Inotify | Unwatched]
) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(system()) as watch:
        writer = Writer(Path(folder))
        reading = Reading(writer.log, watch=watch)
        number = 0
        packed: list[Path] = []
        for step, text in steps:
            data = text
            match step:
                case "write":
                    if distinct:  # every line its own, as Tetragon's are
                        parts = data.split(b"\n")
                        numbered = [b"%d %b" % (number + i, part) for i, part in enumerate(parts[:-1])]
                        data = b"\n".join([*numbered, parts[-1]])
                        number += len(parts)
                    writer.write(data)
                case "rotate":
                    writer.rotate()
                case "pack":
                    for backup in writer.backups():
                        if backup not in packed:
                            writer.pack(backup)
                            packed.append(backup)
                case "unlink":
                    for backup in packed:
                        backup.unlink(missing_ok=True)
                case "save":
                    reading.save()
                case "write down":
                    reading.write_down()
                    assert without_sizes(reading.kept()) == without_sizes(reading.book)
                case "restart":
                    (reading.write_down if number % 2 else reading.save)()
                    reading.restart()
                case "fail":
                    reading.fail()
                case "step":
                    reading.step()
                case "rest":
                    reading.step(30)
                    reading.step(30)
                case "acknowledge":
                    reading.acknowledge()
                case "acknowledge one":
                    reading.acknowledge(1)
        writer.write(b"\n")
        reading.run()
        reading.run()
        assert reading.lines() == writer.written
        assert reading.book.losses == []
        reading.tail.close()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.sampled_from(
            ["write", "write", "copy", "copy", "rotate", "pack", "look", "rest", "read", "read", "settle", "restart"]
        )
    ),
    WATCHES,
)
def test_every_line_is_read_once_when_the_log_is_copied_and_truncated_or_renamed_whatever_is_seen_of_it(
    steps: list[str], system: type[Inotify | Unwatched]
) -> None:
    with tempfile.TemporaryDirectory() as folder, closing(system()) as watch:
        writer = Writer(Path(folder))
        writer.write(b"first\n")
        reading = Reading(writer.log, watch=watch)
        for number, step in enumerate(steps):
            match step:
                case "write":
                    writer.write(b"".join(b"%d.%d\n" % (number, part) for part in range(1 + number % 3)))
                case "copy" if writer.log.exists() and writer.log.stat().st_size:
                    writer.copy_and_truncate()
                case "rotate":
                    writer.rotate()
                case "pack":
                    for backup in writer.backups()[:1]:
                        writer.pack(backup)
                        backup.unlink()
                case "look":
                    reading.look()
                case "rest":
                    reading.run(12)
                case "read":
                    reading.read(1)
                case "settle":
                    reading.acknowledge()
                case "restart":
                    (reading.write_down if number % 2 else reading.save)()
                    reading.restart()
        writer.write(b"last\n")
        reading.run(30)
        assert sorted(reading.lines()) == sorted(writer.written)
        assert reading.book.losses == []
        reading.tail.close()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, max_size=40))
def test_a_kill_repeats_lines_and_loses_none(steps: list[tuple[str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        writer = Writer(Path(folder))
        reading = Reading(writer.log)
        number = unsaved = repeated = 0
        for step, _ in steps:
            match step:
                case "write":
                    writer.write(b"".join(b"%d\n" % (number + i) for i in range(5)))
                    number += 5
                case "rotate":
                    writer.rotate()
                case "pack" | "unlink":
                    for backup in writer.backups():
                        writer.pack(backup)
                        backup.unlink()
                case "save" | "write down":
                    (reading.save if step == "save" else reading.write_down)()
                    unsaved = len(reading.durable)
                case "restart":
                    repeated += sum(block.lines for block, _ in reading.durable[unsaved:])
                    reading.restart()
                    unsaved = len(reading.durable)
                case "fail":
                    reading.fail()
                case "step" | "rest":
                    reading.step(0.1 if step == "step" else 30)
                case _:
                    reading.acknowledge()
        reading.run()
        reading.run()
        lines = reading.lines()
        assert list(dict.fromkeys(lines)) == writer.written
        assert len(lines) <= len(writer.written) + repeated
        totals = [totals for log in reading.book.logs.values() for totals in log.totals.values()]
        assert sum(each.lines for each in totals) == len(writer.written)  # counted once, however often sent
        assert reading.book.losses == []
        reading.tail.close()
