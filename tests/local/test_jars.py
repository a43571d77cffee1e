import hashlib
import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from app.errors import Stop
from app.local.jars import COORDINATES, Engine, Jar, jars_of, listing, on_disk, parse
from app.local.ports import free_ports

DIGEST = "0" * 64


def test_a_listing_reads_back_as_its_jars() -> None:
    jars = [Jar(DIGEST, "org.example", "b", "2"), Jar("1" * 64, "org.example", "a", "1.0-x")]

    assert parse(listing("kafka", ["org.example:b:2"], jars)) == {"kafka": sorted(jars, key=lambda jar: jar.artifact)}


def test_of_two_versions_of_a_jar_a_listing_keeps_the_first() -> None:
    jars = [Jar(DIGEST, "org.example", "a", "2"), Jar(DIGEST, "org.example", "a", "1")]

    assert parse(listing("kafka", ["org.example:a:2"], jars)) == {"kafka": jars[:1]}


@pytest.mark.parametrize(
    "line",
    [f"{DIGEST}  org.example:a:1", "[kafka]\nabc  org.example:a:1", f"[kafka]\n{DIGEST}  org.example:a", "[kafka"],
    ids=["outside a section", "short digest", "no version", "open bracket"],
)
def test_a_broken_line_is_shown_with_what_was_expected(line: str) -> None:
    with pytest.raises(Stop, match=r"The list of jars has .*Expected"):
        parse(line)


@pytest.mark.parametrize("engine", ["kafka", "elasticsearch"])
def test_the_committed_list_names_every_coordinate_and_no_file_twice(engine: Engine) -> None:
    jars = jars_of(engine)

    assert set(COORDINATES[engine]) <= {jar.coordinate for jar in jars}
    assert len({jar.file_name for jar in jars}) == len(jars)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    [closed] = free_ports(1)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed}")


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is served as a Maven repository, and is named in jgo's configuration."""
    folder = tmp_path / "mirror"
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        (tmp_path / "jgo.conf").write_text(f"[repositories]\nlocal = http://127.0.0.1:{server.server_port}\n")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        yield folder
        server.shutdown()
        thread.join()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


def publish(mirror: Path, content: bytes) -> None:
    folder = mirror / "org/example/a/1"
    folder.mkdir(parents=True)
    (folder / "a-1.jar").write_bytes(content)


def jar(content: bytes) -> Jar:
    return Jar(hashlib.sha256(content).hexdigest(), "org.example", "a", "1")


@pytest.mark.usefixtures("no_network")
def test_a_cache_that_holds_every_jar_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "a-1.jar").write_bytes(b"a jar")

    assert on_disk([jar(b"a jar")], tmp_path) == [tmp_path / "a-1.jar"]


@pytest.mark.usefixtures("no_network")
def test_without_a_network_one_sentence_names_the_missing_jar(tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"The jar org\.example:a:1 is not in .* A network is needed once"):
        on_disk([jar(b"a jar")], tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_jar_is_fetched_from_a_mirror_that_the_user_configured(tmp_path: Path, mirror: Path) -> None:
    publish(mirror, b"a jar")

    assert [path.read_bytes() for path in on_disk([jar(b"a jar")], tmp_path / "jars")] == [b"a jar"]


def test_a_spoilt_jar_in_the_cache_is_fetched_again(tmp_path: Path, mirror: Path) -> None:
    publish(mirror, b"a jar")
    (tmp_path / "a-1.jar").write_bytes(b"half a j")

    assert [path.read_bytes() for path in on_disk([jar(b"a jar")], tmp_path)] == [b"a jar"]


def test_a_jar_that_is_not_what_was_committed_is_refused(tmp_path: Path, mirror: Path) -> None:
    publish(mirror, b"another jar")

    with pytest.raises(Stop, match=r"org\.example:a:1 has the SHA-256 .*Expected"):
        on_disk([jar(b"a jar")], tmp_path / "jars")
    assert list((tmp_path / "jars").iterdir()) == []
