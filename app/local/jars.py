"""The engines' jars: fetched once by name from Maven's repository, checked against hashes that are committed.

`jars.sha256` has one section for each engine, headed by the coordinates that were resolved. What it does not name is
never fetched, so a resolver cannot bring in another version. To make it anew, after a change of COORDINATES:

    python -m app.local.jars list > app/local/jars.sha256

`python -m app.local.jars` fetches what is missing, which the engines do by themselves at their first start.
"""

import argparse
import contextlib
import hashlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal, NamedTuple

from app.errors import Stop

Engine = Literal["kafka", "elasticsearch"]

COORDINATES: Final[dict[Engine, tuple[str, ...]]] = {
    # The second one makes Kafka's log readable; without it nobody learns why a broker did not start.
    "kafka": ("org.apache.kafka:kafka_2.13:4.4.0", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5"),
    "elasticsearch": ("org.elasticsearch:elasticsearch:9.5.3", "org.elasticsearch.plugin:transport-netty4:9.5.3"),
}

_AT_ONCE: Final = 6  # the repository answers no faster to more


class Jar(NamedTuple):
    sha256: str
    group: str
    artifact: str
    version: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"


def parse(text: str) -> dict[str, list[Jar]]:
    """Sections by name. Raises Stop for a line that is neither a section, a comment nor a jar."""
    sections: dict[str, list[Jar]] = {}
    jars: list[Jar] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            jars = sections.setdefault(line[1:-1], [])
            continue
        digest, _, coordinate = line.partition("  ")
        parts = coordinate.split(":")
        if jars is None or len(digest) != 64 or len(parts) != 3 or not all(parts):
            raise Stop(
                f"The list of jars has {line!r} in line {number}. Expected '[engine]', or "
                "'<sha256>  <group>:<artifact>:<version>' below one; `python -m app.local.jars list` makes it anew."
            )
        jars.append(Jar(digest, *parts))
    return sections


def jars_of(engine: Engine) -> list[Jar]:
    return parse(files("app.local").joinpath("jars.sha256").read_text("utf-8"))[engine]


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tetrastash"


def class_path(engine: Engine) -> list[Path]:
    return on_disk(jars_of(engine), cache_folder() / "jars")


def on_disk(jars: list[Jar], folder: Path) -> list[Path]:
    """The jars' files in `folder`, each with the hash that was listed.

    Asks the network only for what is not there. Raises Stop when it cannot be had, or is not what it was.
    """
    missing = [jar for jar in jars if not _is_intact(folder / jar.file_name, jar)]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        _fetch(missing, folder)
    return [folder / jar.file_name for jar in jars]


def _is_intact(path: Path, jar: Jar) -> bool:
    try:
        return _sha256(path) == jar.sha256
    except FileNotFoundError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(jars: list[Jar], folder: Path) -> None:
    """Each jar appears in `folder` at once and whole, so that two processes may fetch at the same time."""
    print(f"Fetching {len(jars)} jars into {folder}, once.", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=folder, prefix="partial-") as partial, ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            for jar, path in zip(jars, pool.map(lambda jar: _download(jar, Path(partial)), jars), strict=True):
                _check(jar, _sha256(path))
                path.replace(folder / jar.file_name)
        except BaseException:  # an interrupt too, which would else wait for all the others
            pool.shutdown(cancel_futures=True)
            raise


def _check(jar: Jar, found: str) -> None:
    if found != jar.sha256:
        raise Stop(
            f"The jar {jar.coordinate} has the SHA-256 {found!r}. Expected {jar.sha256!r}, as committed in "
            "app/local/jars.sha256; something between this machine and Maven's repository changed it."
        )


def _download(jar: Jar, repository: Path) -> Path:
    from jgo.config import GlobalSettings
    from jgo.constants import MAVEN_CENTRAL_URL
    from jgo.maven import MavenContext

    # A mirror that is named in jgo's own configuration file goes first.
    remotes = {**GlobalSettings.load().repositories, "central": MAVEN_CENTRAL_URL}
    context = MavenContext(repo_cache=repository, remote_repos=remotes, timeout=30)
    try:
        return Path(context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve())
    except (OSError, RuntimeError) as error:  # requests' errors are OSErrors; jgo raises RuntimeError for "not found"
        raise Stop(
            f"The jar {jar.coordinate} is not in {repository.parent} and cannot be fetched from Maven's repository: "
            f"{_reason(error)}. A network is needed once; `python -m app.local.jars` fetches all."
        ) from error


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.ConnectionError | requests.Timeout):
        return "no connection"  # the error itself is a paragraph of urllib3's objects
    return (str(error).splitlines() or [type(error).__name__])[0]


def resolve(coordinate: str) -> Iterator[Jar]:
    """Everything that a coordinate needs at run time, by Maven's rules.

    One coordinate at a time: resolved together, the versions that one manages spoil the other's.
    """
    import jgo

    artifacts = jgo.resolve(coordinate)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        paths = pool.map(lambda artifact: Path(artifact.resolve()), artifacts)
        for artifact, path in zip(artifacts, paths, strict=True):
            yield Jar(_sha256(path), artifact.groupId, artifact.artifactId, artifact.version)


def listing(engine: str, coordinates: Iterable[str], jars: Iterable[Jar]) -> str:
    """A section of `jars.sha256`. Where two coordinates need a jar in two versions, the first one's is kept."""
    kept: dict[tuple[str, str], Jar] = {}
    for jar in jars:
        kept.setdefault((jar.group, jar.artifact), jar)
    ordered = sorted(kept.values(), key=lambda jar: jar.coordinate)
    lines = [f"# {' '.join(coordinates)}", f"[{engine}]", *(f"{jar.sha256}  {jar.coordinate}" for jar in ordered)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app.local.jars", description=__doc__.partition("\n")[0])
    parser.add_argument("what", nargs="?", choices=["fetch", "list"], default="fetch")
    logging.getLogger("jgo").setLevel(logging.ERROR)
    with contextlib.suppress(BrokenPipeError):
        if parser.parse_args().what == "list":
            for engine, coordinates in COORDINATES.items():
                found = (jar for coordinate in coordinates for jar in resolve(coordinate))
                print(listing(engine, coordinates, found))
        else:
            for engine in COORDINATES:
                paths = class_path(engine)
                print(f"{engine}: {len(paths)} jars, {sum(path.stat().st_size for path in paths) >> 20} MiB")


if __name__ == "__main__":
    try:
        main()
    except Stop as error:
        sys.exit(str(error))
