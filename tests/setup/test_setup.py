import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from pydantic import SecretStr

from app.errors import Stop, TopicError
from app.kafka.topic_ids import Topic, topics_by_name
from app.kafka.topics import check_topics, read_record, topic_names
from app.settings import Settings
from app.setup import setup


@pytest.fixture
async def admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    connected = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await connected.start()
    yield connected
    await connected.close()


async def until(settings: Settings, condition: Callable[[Mapping[str, Topic]], bool]) -> None:
    """A broker learns of a topic some time after the controller."""
    for _ in range(100):
        if condition(await topics_by_name(settings, topic_names(settings).values())):
            return
        await asyncio.sleep(0.1)
    pytest.fail("Kafka does not show the topics as they were made")


async def make(admin: AIOKafkaAdminClient, settings: Settings, *topics: NewTopic) -> None:
    await admin.create_topics(list(topics))
    await until(settings, lambda found: len(found) == len(topics))


def changed(settings: Settings, **values: object) -> Settings:
    return settings.model_copy(update=values)


async def test_setup_makes_everything_once(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert await setup(settings) == 0
    made = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1].split(";")[0] for line in made] == ["made, 4 partitions"] * 4 + ["made"]
    topics = await check_topics(settings)
    assert {topic.partitions for topic in topics} == {4}
    assert await setup(settings) == 0
    again = capsys.readouterr().out.splitlines()
    assert again == [line.replace(": made", ": already there") for line in made]
    assert await check_topics(settings) == topics


async def test_workers_do_not_start_before_setup(settings: Settings, admin: AIOKafkaAdminClient) -> None:
    with pytest.raises(TopicError, match=r"\.events' is missing\. Run `tetrastash setup`"):
        await check_topics(settings)
    await make(admin, settings, *(NewTopic(name, 2, 1) for name in topic_names(settings).values()))
    with pytest.raises(TopicError, match="nobody has set them up"):
        await check_topics(settings)


async def test_topics_made_beforehand_are_checked_and_not_touched(
    settings: Settings, admin: AIOKafkaAdminClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await make(admin, settings, NewTopic(settings.events_topic, 7, 1, topic_configs={"retention.ms": "60000"}))
    assert await setup(settings) == 0
    told = capsys.readouterr().out
    assert f"topic {settings.events_topic}: already there, 7 partitions, which stay; TETRASTASH_PARTITIONS is 4" in told
    assert "retention.ms is '60000', expected '259200000'; left as it is" in told
    assert "max.message.bytes is '1048588', expected '8388608'; left as it is" in told
    assert f"topic {settings.documents_topic}: made, 7 partitions" in told
    assert {topic.partitions for topic in await check_topics(settings)} == {7}


async def test_topics_with_other_partition_counts_are_refused(settings: Settings, admin: AIOKafkaAdminClient) -> None:
    await make(admin, settings, NewTopic(settings.events_topic, 2, 1), NewTopic(settings.documents_topic, 3, 1))
    with pytest.raises(TopicError, match="differ in their partition counts"):
        await setup(settings)


async def test_checkpoints_that_kafka_would_delete_are_refused(settings: Settings, admin: AIOKafkaAdminClient) -> None:
    await make(admin, settings, NewTopic(settings.checkpoints_topic, 4, 1))
    with pytest.raises(Stop, match=r"cleanup\.policy is 'delete', expected 'compact': Kafka would delete"):
        await setup(settings)


async def test_more_partitions_than_recorded_stop_workers_and_setup(
    settings: Settings, admin: AIOKafkaAdminClient
) -> None:
    await setup(settings)
    await admin.create_partitions({name: NewPartitions(5) for name in topic_names(settings).values()})
    await until(settings, lambda found: {topic.partitions for topic in found.values()} == {5})
    for command in (check_topics, setup):
        with pytest.raises(TopicError, match=r"has 5 partitions\. Expected 4"):
            await command(settings)


async def test_a_topic_made_anew_stops_workers_and_setup(settings: Settings, admin: AIOKafkaAdminClient) -> None:
    await setup(settings)
    recorded = await read_record(settings)
    await admin.delete_topics([settings.documents_topic])
    await until(settings, lambda found: settings.documents_topic not in found)
    with pytest.raises(TopicError, match="is missing"):
        await check_topics(settings)
    with pytest.raises(TopicError, match="deleted and made anew"):
        await setup(settings)
    assert await read_record(settings) == recorded


async def test_a_wish_that_kafka_refuses_is_told(settings: Settings) -> None:
    with pytest.raises(Stop, match=r"TETRASTASH_REPLICATION=3.* Expected as many brokers at least"):
        await setup(changed(settings, replication=3), patience=0)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


async def test_without_kafka_it_waits_says_so_and_gives_up(
    closed_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Stop, match="Kafka cannot be reached"):
        await setup(Settings(kafka=f"127.0.0.1:{closed_port}"), patience=0.5)
    assert "waiting, for" in capsys.readouterr().err


async def test_without_elasticsearch_it_waits_says_so_and_gives_up(
    settings: Settings, closed_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    await setup(settings)
    with pytest.raises(Stop, match="Elasticsearch cannot be reached at 'http://127"):
        await setup(changed(settings, elasticsearch=f"http://127.0.0.1:{closed_port}"), patience=0.5)
    assert "waiting, for" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (401, "does not know who asks: security_exception: no. Expected a valid TETRASTASH_ELASTICSEARCH_API_KEY"),
        (403, "does not let this user make the index template"),
        (200, "is not Elasticsearch"),
        (503, "answers 503: security_exception: no"),
        (418, "answers 418: security_exception: no"),
    ],
)
async def test_what_elasticsearch_refuses_is_told(settings: Settings, status: int, sentence: str) -> None:
    async def refuse(_: web.Request) -> web.Response:
        error = {"error": {"type": "security_exception", "reason": "no"}}
        return web.json_response(error, status=status)

    await setup(settings)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refuse)
    async with TestServer(app) as server:
        refusing = changed(
            settings,
            elasticsearch=str(server.make_url("/")),
            elasticsearch_username="elastic",
            elasticsearch_password=SecretStr("wrong"),
        )
        with pytest.raises(Stop, match=sentence):
            await setup(refusing, patience=0)
