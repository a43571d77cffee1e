"""From file to Elasticsearch with every connection encrypted and everybody known, and no secret ever shown."""

import asyncio
import base64
import os
import subprocess
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from app.kafka.rights import RIGHTS
from app.kafka.topics import topic_names
from app.local.child import Child
from app.local.elasticsearch import Elasticsearch
from app.local.ports import free_ports
from app.settings import PREFIX, Settings
from tests.security.conftest import PLAIN_USERS
from tests.security.front import Front
from tests.security.secured import Secured, server_context, write_authority, write_client
from tests.stream.conftest import TETRASTASH, Worker, documents, event, until

pytestmark = pytest.mark.integration

LINES = 200
KAFKA_PASSWORD = "kafka-canary-5d0e7a/ü%"
API_KEY = "ZWxhc3RpYy1jYW5hcnktMWYyMw=="
PASSWORD = "elastic-canary-77aa/ü%"
PAGES = ("/", "/page.js", "/metrics", "/healthz", "/readyz", "/api/overview", "/api/tree", "/api/document", "/nothing")


class Site:
    """Where everything is, and what its users are to be told."""

    def __init__(self, secured: Secured, front: Front, folder: Path) -> None:
        self.secured = secured
        self.front = front
        self.folder = folder
        name = f"t{uuid.uuid4().hex}"
        self.settings = Settings(
            kafka=secured.kafka.bootstrap,
            topic_prefix=name,
            data_stream=f"logs-{name}.log-default",
            partitions=2,
            session_timeout=6,
            positions=folder / "positions.json",
            log_level="DEBUG",
        )
        self.user = f"user-{name}"
        self.log = folder / "tetragon.log"
        self.ca = folder / "ca.pem"

    def environment(self, **given: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        chosen = {name.upper(): str(getattr(self.settings, name)) for name in self.settings.model_fields_set}
        chosen |= {"ELASTICSEARCH": self.front.url, "ELASTICSEARCH_CA": str(self.ca), "KAFKA_CA": str(self.ca)}
        return inherited | {PREFIX + name: value for name, value in (chosen | given).items()}

    def secret(self, name: str, value: str) -> str:
        path = self.folder / name
        path.write_text(value + "\n")
        path.chmod(0o600)
        return str(path)


@pytest.fixture
async def site(secured: Secured, elasticsearch: Elasticsearch, tmp_path: Path) -> AsyncIterator[Site]:
    if not elasticsearch.is_running:
        elasticsearch.start()
    authority = trustme.CA()
    basic = base64.b64encode(f"tetrastash:{PASSWORD}".encode()).decode()
    front = Front(elasticsearch.url, [f"ApiKey {API_KEY}", f"Basic {basic}"])
    async with front.serving(server_context(authority, "127.0.0.1")):
        made = Site(secured, front, tmp_path)
        both = authority.cert_pem.bytes() + secured.authority.cert_pem.bytes()
        made.ca.write_bytes(both)
        made.settings = made.settings.model_copy(update={"elasticsearch": elasticsearch.url})
        yield made
    secured.revoke_all(made.user)


def scram(site: Site) -> dict[str, str]:
    site.secured.know(site.user, KAFKA_PASSWORD)
    return {
        "KAFKA": site.secured.addresses["SASL_SSL"],
        "KAFKA_SECURITY": "SASL_SSL",
        "KAFKA_USERNAME": site.user,
        "KAFKA_PASSWORD_FILE": site.secret("kafka", KAFKA_PASSWORD),
        "ELASTICSEARCH_API_KEY_FILE": site.secret("api-key", API_KEY),
    }


def plain(site: Site) -> dict[str, str]:
    [(site.user, password)] = PLAIN_USERS.items()
    return scram(site) | {
        "KAFKA_SASL_MECHANISM": "PLAIN",
        "KAFKA_USERNAME": site.user,
        "KAFKA_PASSWORD_FILE": site.secret("kafka", password),
    }


def mutual(site: Site) -> dict[str, str]:
    certificate, key = write_client(site.secured.authority, site.folder, site.user)
    return {
        "KAFKA": site.secured.addresses["MTLS"],
        "KAFKA_SECURITY": "SSL",
        "KAFKA_CERT": str(certificate),
        "KAFKA_KEY": str(key),
        "ELASTICSEARCH_USERNAME": "tetrastash",
        "ELASTICSEARCH_PASSWORD": PASSWORD,
    }


def allow(site: Site) -> None:
    names = topic_names(site.settings)
    rights = {("Topic", names[right.role], right.right) for right in RIGHTS}
    groups = [("Group", group, "Read") for group in (site.settings.enrich_group, site.settings.index_group)]
    for_tap = [("Topic", names["rejected"], "Read")]
    site.secured.grant(site.user, [*rights, *groups, *for_tap])


def forms(secret: str) -> set[str]:
    """How it might be seen."""
    raw = secret.encode()
    coded = {base64.b64encode(b"x" * lead + raw).decode()[4 * (lead > 0) : -4] for lead in range(3)}
    return {secret, repr(secret)[1:-1], repr(raw)[2:-1], quote(secret, safe=""), raw.hex(), *coded}


def test_a_secret_is_found_in_each_form() -> None:
    for secret in (KAFKA_PASSWORD, PASSWORD, API_KEY):
        basic = base64.b64encode(f"tetrastash:{secret}".encode()).decode()
        sasl = repr(b"\x00user\x00" + secret.encode())
        for shown in (f"password={secret}", f"Basic {basic}", sasl, f"https://u:{quote(secret, safe='')}@h"):
            assert any(form in shown for form in forms(secret)), shown


@pytest.fixture
def children() -> Iterator[list[Child]]:
    made: list[Child] = []
    yield made
    for child in made:
        child.kill()
        print(child.log.read_text()[-20_000:])  # noqa: T201 - shown when the test failed


async def say(environment: dict[str, str], *arguments: str, status: int = 0) -> str:
    """All that a command said."""
    process = await asyncio.create_subprocess_exec(
        TETRASTASH, *arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == status, said
    return said


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


@pytest.mark.parametrize("known", [scram, plain, mutual])
async def test_every_line_arrives_and_no_secret_is_shown(
    site: Site, children: list[Child], known: Callable[[Site], dict[str, str]]
) -> None:
    environment = site.environment(**known(site))
    secrets = {KAFKA_PASSWORD, API_KEY, PASSWORD, *PLAIN_USERS.values()}
    allow(site)
    site.log.write_bytes(b"".join(event(number) + b"\n" for number in range(LINES)) + b"no event\n")
    shown = {"setup": await say(environment, "setup")}

    ship, work = Child("ship", site.folder / "ship.log"), Worker(environment, site.folder)
    children += [ship, work]
    [port] = free_ports(1)
    shipping = environment | {f"{PREFIX}LISTEN": f"127.0.0.1:{port}"}
    await asyncio.to_thread(ship.launch, [TETRASTASH, "ship", site.log], lambda: True, environment=shipping)
    await asyncio.to_thread(work.start)
    await until(lambda: len(documents(site.settings)) == LINES)

    for path in PAGES:
        shown[path] = "".join(map(str, await asyncio.to_thread(work.get, path)))
    shown["check"] = await say(environment, "check", str(site.log))
    shown["check --json"] = await say(environment, "check", "--json", str(site.log))
    shown["settings"] = await say(environment, "settings")
    shown["tap"] = await say(environment, "tap", "rejected", "--from", "beginning", "--limit", "1")
    shown["tree"] = await say(environment, "tree", documents(site.settings)[0]["process"]["entity_id"])
    for child in (ship, work):
        shown[f"{child.name}'s command line"] = command_line(child.pid)
        await asyncio.to_thread(child.stop)
        assert child.status == 0
        shown[child.name] = child.log.read_text()
    shown["positions"] = site.settings.positions.read_text()

    assert "DEBUG" in shown["ship"]
    assert "no event" in shown["tap"]
    assert not site.front.refused
    for source, text in shown.items():
        assert text, source
        assert not [form for secret in secrets for form in forms(secret) if form in text], source


async def test_whom_elasticsearch_does_not_know_is_told_so_and_nothing_is_lost(
    site: Site, children: list[Child]
) -> None:
    environment = site.environment(**scram(site))
    allow(site)
    site.log.write_bytes(b"".join(event(number) + b"\n" for number in range(LINES)))
    await say(environment, "setup")
    accepted, site.front.accepted = site.front.accepted, set()
    assert "does not know who asks" in await say(environment, "setup", status=1)
    assert await say(environment, "ship", "--once", str(site.log)) is not None
    work = Worker(environment, site.folder)
    children.append(work)
    await asyncio.to_thread(work.start)
    await until(lambda: "unable to authenticate" in work.say())
    assert (await asyncio.to_thread(work.get, "/readyz"))[0] == 503
    assert (await asyncio.to_thread(work.get, "/healthz"))[0] == 200
    site.front.accepted, site.front.forbidden = accepted, True
    await until(lambda: "is unauthorized for user [tetrastash]" in work.say())
    assert documents(site.settings) == []
    site.front.forbidden = False
    await until(lambda: len(documents(site.settings)) == LINES)
    await until(lambda: work.get("/readyz")[0] == 200)


@pytest.mark.parametrize("authority", ["another", "none that is there"])
async def test_an_elasticsearch_that_is_not_believed_gets_nothing(
    site: Site, children: list[Child], authority: str
) -> None:
    environment = site.environment(**scram(site))
    allow(site)
    site.log.write_bytes(b"".join(event(number) + b"\n" for number in range(LINES)))
    await say(environment, "setup")
    await say(environment, "ship", "--once", str(site.log))
    other = site.folder / "other"
    other.mkdir()
    if authority == "another":
        file = write_authority(trustme.CA(), other)
        work = Worker(environment | {f"{PREFIX}ELASTICSEARCH_CA": str(file)}, site.folder)
        children.append(work)
        await asyncio.to_thread(work.start)
        await until(lambda: "certificate verify failed" in work.say())
        assert (await asyncio.to_thread(work.get, "/readyz"))[0] == 503
    else:
        missing = environment | {f"{PREFIX}ELASTICSEARCH_CA": str(other / "none.pem")}
        assert "none.pem'" in await say(missing, "work", status=1)
    assert documents(site.settings) == []
