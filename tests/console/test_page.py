"""The page of a real worker on a real Kafka and a real Elasticsearch, in a real browser."""

import hashlib
import json
import os
import shutil
import subprocess
import time
import urllib.request
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from app.console.page import PARTS, content
from app.settings import Settings
from examples import story
from tests.stream.conftest import TETRASTASH, Worker, event, ready, send, until, worker

__all__ = ["ready", "worker"]  # fixtures

CHROMIUM = shutil.which("chromium")
BYTES = 150_000
HARMFUL = "/tmp/<img src=x onerror=document.title='harmed'>"
NOTHING = "http://127.0.0.1:9/"


def test_the_page_is_small_and_asks_nobody_else() -> None:
    parts = [content(name) for name, _ in PARTS.values()]
    assert sum(map(len, parts)) < BYTES
    told = b"".join(parts)
    assert b"http" not in told.replace(b"http://www.w3.org/2000/svg", b"")
    assert b"innerHTML" not in told
    assert len({hashlib.sha256(part).digest() for part in parts}) == len(parts)


def get(worker: Worker, path: str) -> Any:
    return json.loads(worker.get(path)[1])


def told(worker: Worker, path: str) -> tuple[str, dict[str, str]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}{path}", timeout=10) as answer:
        return answer.read().decode(), dict(answer.headers)


@pytest.fixture
def lines(environment: dict[str, str], tmp_path: Path) -> int:
    """So many lines of a story that ends now are in Kafka."""
    start = time.time_ns() - 5 * story.MINUTE
    some = list(islice(story.story(seed=1, nodes=2, minutes=5, rate=10, start=start), 5000))
    log = tmp_path / "story.log"
    log.write_bytes(b"".join(line + b"\n" for _, _, line in some))
    subprocess.run([TETRASTASH, "ship", "--once", log], env=environment, check=True, capture_output=True, timeout=60)
    return len(some)


async def test_the_overview_counts_what_is_stored_and_a_tree_can_be_climbed(
    ready: Settings, worker: Worker, lines: int
) -> None:
    worker.start()
    await until(lambda: get(worker, "/api/overview")["stored"].get("total") == lines)

    overview = get(worker, "/api/overview?minutes=15")
    stored, groups = overview["stored"], overview["groups"]
    assert sum(step["all"] for step in stored["over_time"]) == stored["in_window"] > 0
    assert stored["nodes"] == 2
    assert {each["name"] for each in stored["files"]} >= {"credentials"}
    assert [each["stage"] for each in groups["stages"]] == ["enrich", "index"]
    assert set(groups["stages"][0]["lag"]) == {str(number) for number in range(ready.partitions)}
    assert overview["worker"]["stages"]["enrich"]["documents"] == lines
    books = overview["worker"]["books"]
    assert sum(book["lines"] for book in books) == sum(book["documents"] for book in books) == lines
    assert {book["missing"] for book in books} == {0}
    change = stored["changes"][0]
    tree = get(worker, f"/api/tree?exec_id={quote(change['process']['entity_id'])}")
    assert tree["tree"]["asked"] == change["process"]["entity_id"]
    document = get(worker, f"/api/document?id={change['id']}")["document"]
    assert document["process"]["entity_id"] == change["process"]["entity_id"]
    assert worker.get("/api/overview?minutes=7") == (400, "minutes is '7'; expected one of 15, 60, 360, 1440\n")
    assert "Nothing is stored of 'x'" in get(worker, "/api/tree?exec_id=x")["error"]
    page, headers = told(worker, "/")
    assert "<title>tetrastash</title>" in page
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.usefixtures("ready")
async def test_without_elasticsearch_the_rest_is_told_and_a_sentence_says_so(
    environment: dict[str, str], tmp_path: Path
) -> None:
    alone = Worker(environment | {"TETRASTASH_ELASTICSEARCH": NOTHING}, tmp_path)
    try:
        alone.start("--only", "enrich")
        overview = await until(lambda: (found := get(alone, "/api/overview"))["groups"].get("stages") and found)
        assert f"Elasticsearch cannot be reached at '{NOTHING}'" in overview["stored"]["error"]
        assert alone.get("/healthz")[0] == 200
    finally:
        alone.kill()


@pytest.mark.integration
async def test_a_browser_shows_it_all_and_obeys_nothing_that_events_say(
    ready: Settings, worker: Worker, lines: int
) -> None:
    if CHROMIUM is None:
        if "TESTS_NEED_BROWSER" in os.environ:
            pytest.fail("chromium is not installed, and TESTS_NEED_BROWSER is set")
        pytest.skip("chromium is not installed: apt-get install chromium")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    shadow = json.loads(event(1, binary=HARMFUL, exec_id="harm"))["process_exec"]
    kprobe = {
        "process": shadow["process"],
        "function_name": "security_file_permission",
        "args": [{"file_arg": {"path": "/etc/shadow"}}, {"int_arg": 2}],
    }
    await send(ready, [json.dumps({"process_kprobe": kprobe, "node_name": "n1", "time": now}).encode()])
    worker.start()
    await until(lambda: get(worker, "/api/overview")["stored"].get("total") == lines + 1)
    from playwright.async_api import async_playwright

    url = f"http://127.0.0.1:{worker.port}/"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1400, "height": 1000}, color_scheme="dark")
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(url)
        await page.wait_for_selector("#chart polygon")
        assert await page.locator(".tile b").all_inner_texts() != [""] * 4
        assert await page.locator("#partitions .bar").count() == 2 * ready.partitions
        assert "lines:" in await page.locator("#books .row").first.inner_text()
        first = page.locator("#changes button").first
        command = await first.locator("code").inner_text()
        await first.click()
        # Another tree may be open still.
        await page.locator("#tree .asked code", has_text=command.split()[0]).wait_for()
        assert "exec=" in page.url
        await page.get_by_role("button", name="the document").click()
        await page.wait_for_selector("#document[open]")
        assert '"event"' in await page.locator("#document pre").inner_text()
        await page.keyboard.press("Escape")
        assert HARMFUL.rpartition("/")[2] in await page.locator("#findings").inner_text()
        dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        await page.locator("#theme").click()
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
        await page.set_viewport_size({"width": 400, "height": 900})
        assert await page.evaluate("document.documentElement.scrollWidth") <= 400
        assert await page.title() == "tetrastash"
        assert complaints == []
        assert [each for each in asked if not each.startswith(url)] == []
        await browser.close()
