from pathlib import Path

from schemas.fragment import kept


def resident() -> int:
    """KiB of this process."""
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0])


def test_what_is_kept_takes_no_more_room_than_it_is_long() -> None:
    before = resident()
    held = [kept({"number": number}) for number in range(50_000)]

    # As orjson returns them they would take 200 MB.
    assert len(held) == 50_000
    assert resident() - before < 60_000
