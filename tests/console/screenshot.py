"""Pictures of the page as docs/ has them.

    make demo                                        # says where the page is
    python -m tests.console.screenshot URL docs

writes console-dark.png and console-light.png.
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.console.test_page import CHROMIUM


def main(url: str, folder: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme in ("dark", "light"):
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.goto(url)
            page.wait_for_selector("#chart polygon")
            page.wait_for_selector("#tree .row")
            page.wait_for_timeout(1000)
            page.screenshot(path=Path(folder, f"console-{scheme}.png"), full_page=True)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
