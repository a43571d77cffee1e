"""What it costs to say what a file is: of a path that was never seen, and of one that was."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from random import Random
from typing import Final

import orjson

from bench.rows import Reading
from bench.site import Site
from schemas.fim.classifier import Classifier
from schemas.fim.taxonomy import built_in

PATHS: Final = 20_000
SEEN: Final = 2_000  # fewer than a worker remembers
_LINES: Final = 2_000

# Folders of an ordinary machine, which the taxonomy knows well, in general, or not at all.
_FOLDERS: Final = (
    "/etc", "/etc/ssl/certs", "/etc/systemd/system", "/home/user-{}", "/home/user-{}/.config/app", "/home/user-{}/.ssh",
    "/opt/app-{}/lib", "/proc/{}/root/etc", "/proc/{}/fd", "/run/user/{}/bus", "/srv/data/{}", "/sys/fs/cgroup/pod-{}",
    "/tmp", "/usr/bin", "/usr/lib/python3/dist-packages/package_{}", "/usr/lib/x86_64-linux-gnu", "/usr/share/doc/{}",
    "/var/cache/apt/archives", "/var/lib/dpkg/info", "/var/lib/kubelet/pods/{}/volumes/secret", "/var/log/pods/{}",
    "/var/run/secrets/kubernetes.io/serviceaccount", "/var/www/html/site-{}/uploads",
)  # fmt: skip
_ENDINGS: Final = ("", ".conf", ".json", ".log", ".php", ".pem", ".py", ".service", ".so.6", ".txt", " (deleted)")


def paths(number: int, seed: int = 1) -> list[str]:
    """So many, no two alike."""
    random = Random(seed)
    folders = [random.choice(_FOLDERS).format(random.randrange(500)) for _ in range(number)]
    return [f"{folder}/file-{place}{random.choice(_ENDINGS)}" for place, folder in enumerate(folders)]


def classify(site: Site) -> Iterator[Reading]:
    with site.logs[0].open("rb") as lines:
        decoded = _each(orjson.loads, list(islice(lines, _LINES)))
    classifier = Classifier(built_in())
    new = paths(PATHS)
    yield Reading("path, new", _each(classifier.classify_anew, new), decoded)
    for path in new[:SEEN]:
        classifier.classify(path)
    yield Reading("path, seen before", _each(classifier.classify, new[:SEEN] * (PATHS // SEEN)), decoded)


def _each(function: Callable[..., object], given: Sequence[str] | Sequence[bytes]) -> float:
    """µs of CPU for one."""
    began = time.thread_time()
    for one in given:
        function(one)
    return (time.thread_time() - began) / len(given) * 1e6
