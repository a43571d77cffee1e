"""With exactly the rights that are documented both commands do their work; without any single one of them they wait,
name it, and go on when it is granted."""

import asyncio
import os
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.errors import Stop
from app.kafka.rights import RIGHTS, Right
from app.kafka.topics import topic_names
from app.local.child import Child
from app.local.elasticsearch import Elasticsearch
from app.settings import PREFIX, Settings
from app.setup import setup
from tests.security.conftest import SCRAM_PASSWORD
from tests.security.secured import Secured, write_authority
from tests.stream.conftest import TETRASTASH, documents, event, until

pytestmark = pytest.mark.integration

GROUPS = ("enrich", "index")
SETUP = [right for right in RIGHTS if right.command == "setup"]
OTHERS = [right for right in RIGHTS if right.command != "setup"]


@pytest.fixture
async def ready(secured: Secured, elasticsearch: Elasticsearch, tmp_path: Path) -> Settings:
    """Set up by somebody who may."""
    name = f"t{uuid.uuid4().hex}"
    settings = Settings(
        kafka=secured.kafka.bootstrap,
        elasticsearch=elasticsearch.url,
        topic_prefix=name,
        data_stream=f"logs-{name}.log-default",
        partitions=1,
        session_timeout=6,
        positions=tmp_path / "positions.json",
    )
    assert await setup(settings) == 0
    return settings


class Commands:
    """`ship` and `work` as users of their own."""

    def __init__(self, secured: Secured, settings: Settings, folder: Path) -> None:
        self.secured = secured
        self.settings = settings
        self.log = folder / "tetragon.log"
        self.ship, self.work = Child("ship", folder / "ship.log"), Child("work", folder / "work.log")
        self._given = {
            "KAFKA": secured.addresses["SASL_SSL"],
            "KAFKA_SECURITY": "SASL_SSL",
            "KAFKA_CA": str(write_authority(secured.authority, folder)),
            "KAFKA_PASSWORD": SCRAM_PASSWORD,
            **{name.upper(): str(getattr(settings, name)) for name in settings.model_fields_set if name != "kafka"},
        }
        self.users = {name: f"{settings.topic_prefix}-{name}" for name in ("ship", "work", "ledger")}
        for user in self.users.values():
            secured.know(user, SCRAM_PASSWORD)

    def start(self) -> None:
        self.ship.launch([TETRASTASH, "ship", self.log], lambda: True, environment=self._environment("ship"))
        self.start_work()

    def start_work(self) -> None:
        self.work.launch([TETRASTASH, "work"], lambda: True, environment=self._environment("work"))

    def ledger(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [TETRASTASH, "ledger", "--since", "all"],
            env=self._environment("ledger"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def grant(self, rights: Sequence[tuple[str, str, str, str]]) -> None:
        for command, *right in rights:
            self.secured.grant(self.users[command], [(right[0], right[1], right[2])])

    def _environment(self, command: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        given = self._given | {"KAFKA_USERNAME": self.users[command]}
        return inherited | {PREFIX + name: value for name, value in given.items()}


@pytest.fixture
def commands(secured: Secured, ready: Settings, tmp_path: Path) -> Iterator[Commands]:
    made = Commands(secured, ready, tmp_path)
    yield made
    for child in (made.ship, made.work):
        child.stop(15)
        print(child.log.read_text() if child.log.exists() else "")  # noqa: T201 - shown when the test failed
    for user in made.users.values():
        secured.revoke_all(user)


def needed(settings: Settings) -> list[tuple[str, str, str, str]]:
    """Command, kind, name, operation: what docs/security.md says to grant, and no more."""
    names = topic_names(settings)
    topics = [(right.command, "Topic", names[right.role], right.right) for right in OTHERS]
    return [*topics, *(("work", "Group", f"{settings.topic_prefix}.{group}", "Read") for group in GROUPS)]


def write(path: Path, numbers: range) -> None:
    with path.open("ab") as log:
        log.writelines(event(number) + b"\n" for number in numbers)


@pytest.mark.parametrize(
    "without", [*OTHERS, *GROUPS], ids=lambda each: "-".join(each) if isinstance(each, Right) else each
)
async def test_a_right_that_lacks_is_named_and_waited_for(commands: Commands, without: Right | str) -> None:
    everything = needed(commands.settings)
    if isinstance(without, Right):
        name, operation = topic_names(commands.settings)[without.role], without.right
        lacking = (without.command, "Topic", name, operation)
        told = f"{operation} on {name}"
    else:
        lacking = ("work", "Group", f"{commands.settings.topic_prefix}.{without}", "Read")
        told = f"Read on the group {lacking[2]}"
    commands.grant([right for right in everything if right != lacking])
    write(commands.log, range(50))
    commands.start()
    waiting = commands.ship if lacking[0] == "ship" else commands.work
    await until(lambda: told in waiting.log.read_text())
    assert f"user '{commands.users[lacking[0]]}'" in waiting.log.read_text()
    assert documents(commands.settings) == []

    commands.grant([lacking])
    await until(lambda: len(documents(commands.settings)) == 50)
    assert commands.ship.is_running
    assert commands.work.is_running


def of_the_ledger(settings: Settings) -> list[tuple[str, str, str, str]]:
    """What docs/ledger.md says to grant."""
    topics = topic_names(settings).values()
    rights = [("ledger", "Topic", topic, operation) for topic in topics for operation in ("Describe", "Read")]
    return [*rights, ("ledger", "Group", settings.index_group, "Describe")]


async def test_the_ledger_reads_with_its_rights_and_tells_which_it_lacks(commands: Commands) -> None:
    commands.grant(needed(commands.settings))
    write(commands.log, range(50))
    commands.start()
    await until(lambda: len(documents(commands.settings)) == 50)
    rights = of_the_ledger(commands.settings)
    for lacking in (None, *rights[1::2], rights[-1]):  # Read implies Describe
        commands.secured.revoke_all(commands.users["ledger"])
        commands.grant([right for right in rights if right != lacking and (lacking is None or right[2] != lacking[2])])
        await asyncio.sleep(0.5)
        ran = await asyncio.to_thread(commands.ledger)
        assert "Traceback" not in ran.stderr
        if lacking is None:
            assert ran.returncode == 0, ran.stdout + ran.stderr
            assert "balanced" in ran.stdout
        else:
            assert ran.returncode == 1, lacking
            assert lacking[2] in ran.stderr, ran.stderr


@pytest.mark.parametrize("taken", ["topics", "everything"])
async def test_rights_that_are_taken_away_and_given_again_lose_nothing(commands: Commands, taken: str) -> None:
    everything = needed(commands.settings)
    commands.grant(everything)
    write(commands.log, range(50))
    commands.start()
    await until(lambda: len(documents(commands.settings)) == 50)
    for user in commands.users.values():
        commands.secured.revoke_all(user)
    if taken == "topics":
        commands.grant([right for right in everything if right[1] == "Group"])
    write(commands.log, range(50, 100))
    await until(lambda: "Write on" in commands.ship.log.read_text())
    if taken == "topics":
        await until(lambda: "waiting for the right to read" in commands.work.log.read_text())
    else:
        # A member that its group has thrown out ends with a sentence, and the next one waits.
        await until(lambda: commands.work.status == 1)
        assert "any more. Expected the right Read on it" in commands.work.log.read_text()
        commands.start_work()
        await until(lambda: "Read on the group" in commands.work.log.read_text())
    assert len(documents(commands.settings)) == 50
    commands.grant(everything)
    await until(lambda: len(documents(commands.settings)) == 100)
    found = {document["process"]["entity_id"] for document in documents(commands.settings)}
    assert found == {f"n1-{number}" for number in range(100)}
    assert commands.work.is_running


@pytest.mark.parametrize("without", ["", "Create", "Describe", "DescribeConfigs", "Read", "Write"])
async def test_setup_needs_what_is_documented(
    secured: Secured, elasticsearch: Elasticsearch, tmp_path: Path, without: str
) -> None:
    name = f"t{uuid.uuid4().hex}"
    secured.know(name, SCRAM_PASSWORD)
    given = Settings(
        kafka=secured.addresses["SASL_SSL"],
        kafka_security="SASL_SSL",
        kafka_username=name,
        kafka_password=SecretStr(SCRAM_PASSWORD),
        kafka_ca=write_authority(secured.authority, tmp_path),
        elasticsearch=elasticsearch.url,
        topic_prefix=name,
        data_stream=f"logs-{name}.log-default",
    )
    names = topic_names(given)
    rights = [("Topic", names[right.role], right.right) for right in SETUP]
    secured.grant(name, [right for right in rights if right[2] != without])

    async def twice() -> None:
        """To make the topics, and to look at those that are there."""
        for _ in range(2):
            assert await setup(given, patience=5) == 0

    if without:
        with pytest.raises(Stop, match=f"Kafka does not let user '{name}' make or describe the topics"):
            await twice()
    else:
        await twice()
    secured.revoke_all(name)
