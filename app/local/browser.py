"""Shows a page to whoever sits at this machine."""

import os
import sys
import webbrowser
from collections.abc import Mapping


def show(url: str) -> None:
    """Only where there is a screen: a browser for terminals would take this one."""
    if sys.stdout.isatty() and has_screen(os.environ, sys.platform):
        webbrowser.open(url)


def has_screen(environment: Mapping[str, str], platform: str) -> bool:
    if platform == "darwin":
        return not environment.get("SSH_CONNECTION")
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
