"""What can be known of this machine alone: settings, the listen address, the position file, agents, rules of drops."""

import errno
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from app.check.finding import Finding, failed, ok, refused, warning
from app.enrich.drops.file import load_rules
from app.enrich.registry import load_agents
from app.errors import TetrastashError
from app.settings import PREFIX, Settings, read_settings
from app.ship.book import TOGETHER
from app.ship.positions import PositionFile

_LAST_PORT: Final = 65535


def settings_finding(environment: Mapping[str, str]) -> tuple[Settings | None, Finding]:
    try:
        settings = read_settings(environment)
    except TetrastashError as error:
        finding = refused("settings", error)
        return None, finding if finding.todo else finding._replace(todo="`tetrastash settings` tells what each may be.")
    given = sorted(name for name in environment if name.startswith(PREFIX))
    told = f"{', '.join(given)} given, the rest by default" if given else "all by default"
    return settings, ok("settings", told)


def listen_finding(settings: Settings) -> Finding:
    """Binds for a moment, and gives it back."""
    host, port = settings.listen_address
    where = f"{PREFIX}LISTEN={settings.listen!r}"
    if port > _LAST_PORT:  # `bind` would take what is left of it in 16 bits
        return failed("listen", f"{where} has a port that does not exist.", f"Expected one up to {_LAST_PORT}.")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except socket.gaierror as error:
        return failed("listen", f"{where}: {host!r} is no address: {error.strerror}.", "Expected one of this machine.")
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return warning(
                "listen",
                f"{where} is in use, perhaps by a `ship` or `work` that runs.",
                "A second one on this machine needs a port of its own, or port 0, which takes a free one.",
            )
        return failed(
            "listen",
            f"{where} cannot be listened on: {error.strerror}.",
            "Expected an address of this machine, and a port that this user may take.",
        )
    return ok("listen", f"{where} can be listened on")


def positions_finding(settings: Settings) -> Finding:
    """Makes nothing: what is missing is looked for from the nearest folder that is there."""
    path = settings.positions
    where = f"{PREFIX}POSITIONS={str(path)!r}"
    try:
        book = PositionFile(path).load()
    except TetrastashError as error:
        return refused("positions", error)
    folder = _nearest(path.parent)
    if not folder.is_dir():
        return failed(
            "positions", f"{where}: {str(folder)!r} is no folder.", "Expected a path in a folder that can be written."
        )
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        return failed(
            "positions",
            f"{where}: user {os.geteuid()} may not write to {str(folder)!r}.",
            "Make it writable for the user that ships, or set another path.",
        )
    if logs := book.logs.keys() - {TOGETHER}:
        return ok("positions", f"{where} knows {_counted(len(logs), 'log')}, and can be written")
    missing = "" if folder == path.parent else ", and its folder can be made"
    return ok("positions", f"{where} is not there yet, and can be written{missing}")


def agents_findings(settings: Settings) -> Iterator[Finding]:
    try:
        found = load_agents(settings.agents)
    except TetrastashError as error:
        yield refused("agents", error)
        return
    told = ", ".join(agent.name for agent in found)
    where = "" if settings.agents is None else f", with those of {PREFIX}AGENTS={str(settings.agents)!r}"
    yield ok("agents", f"{told}{where}")


def drops_findings(settings: Settings) -> Iterator[Finding]:
    """Nothing where no file is named."""
    try:
        rules = load_rules(settings.drops)
    except TetrastashError as error:
        for problem in str(error).splitlines():
            yield refused("drops", problem)
        return
    if rules is not None:
        told = ", ".join(f"{rule.name} ({f'keeps {rule.share:.4g}' if rule.share else 'drops'})" for rule in rules.all)
        yield ok("drops", f"{_counted(len(rules.all), 'rule')} of {PREFIX}DROPS={str(settings.drops)!r}: {told}")


def _nearest(folder: Path) -> Path:
    for each in (folder, *folder.parents):
        if os.path.lexists(each):
            return each
    return Path("/")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
