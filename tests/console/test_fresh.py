import asyncio

from app.console.fresh import Fresh


async def test_many_who_ask_at_once_get_one_answer_and_later_ones_another() -> None:
    found = 0

    async def find() -> int:
        nonlocal found
        found += 1
        await asyncio.sleep(0.01)
        return found

    fresh = Fresh(find, seconds=0.05)
    assert await asyncio.gather(*(fresh.get() for _ in range(5))) == [1] * 5
    await asyncio.sleep(0.06)
    assert await fresh.get() == 2
