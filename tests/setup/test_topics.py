import pytest

from app.errors import TopicError
from app.kafka.topic_ids import Topic
from app.kafka.topics import (
    CONFIGS,
    Difference,
    Recorded,
    Topics,
    differences,
    record_of,
    require_equal_partitions,
    require_recorded,
    topic_names,
)
from app.settings import Settings

SETTINGS = Settings()
TOPICS = Topics(Topic("e", 12), Topic("d", 12), Topic("c", 12), Topic("r", 12))


def test_there_is_a_name_and_a_configuration_for_each_topic() -> None:
    assert list(topic_names(SETTINGS)) == list(CONFIGS) == list(Topics._fields)


def test_a_segment_holds_the_largest_record() -> None:
    for config in CONFIGS.values():
        assert int(config.get("segment.bytes", 2**30)) > int(config["max.message.bytes"])


@pytest.mark.parametrize("role", CONFIGS)
def test_a_topic_as_setup_makes_it_has_no_differences(role: str) -> None:
    assert differences(role, CONFIGS[role]) == []


@pytest.mark.parametrize(
    ("role", "config", "value", "harmful"),
    [
        ("events", "max.message.bytes", "1048588", False),
        ("documents", "retention.ms", "3600000", False),
        ("checkpoints", "segment.ms", "604800000", False),
        ("checkpoints", "cleanup.policy", "delete", True),
        ("checkpoints", "cleanup.policy", "compact,delete", True),
        ("events", "cleanup.policy", "compact", True),
        ("rejected", "cleanup.policy", "delete", False),
    ],
)
def test_a_difference_tells_the_value_and_what_was_expected(role: str, config: str, value: str, harmful: bool) -> None:
    actual = dict(CONFIGS[role]) | {config: value}
    assert differences(role, actual) == [Difference(config, value, CONFIGS[role][config], harmful)]


@pytest.mark.parametrize(
    ("role", "config", "value"),
    [
        ("events", "max.message.bytes", "99999999"),
        ("events", "retention.ms", "-1"),
        ("rejected", "cleanup.policy", "delete,compact"),
    ],
)
def test_more_than_is_needed_is_no_difference(role: str, config: str, value: str) -> None:
    assert differences(role, dict(CONFIGS[role]) | {config: value}) == []


def test_topics_are_those_that_were_recorded() -> None:
    require_equal_partitions(SETTINGS, TOPICS)
    require_recorded(SETTINGS, TOPICS, record_of(TOPICS))
    require_recorded(SETTINGS, TOPICS._replace(rejected=Topic("emptied", 12)), record_of(TOPICS))


def test_partition_counts_that_differ_are_told() -> None:
    with pytest.raises(TopicError, match=r"tetragon\.documents has 24"):
        require_equal_partitions(SETTINGS, TOPICS._replace(documents=Topic("d", 24)))


def test_another_partition_count_than_recorded_is_told() -> None:
    with pytest.raises(TopicError, match=r"'tetragon\.events' has 12 partitions\. Expected 6"):
        require_recorded(SETTINGS, TOPICS, Recorded(6, {}))


@pytest.mark.parametrize("role", ["events", "documents"])
def test_a_topic_made_anew_is_told(role: str) -> None:
    anew = TOPICS._replace(**{role: Topic("other", 12)})
    with pytest.raises(TopicError, match=r"has the id 'other'.*deleted and made anew"):
        require_recorded(SETTINGS, anew, record_of(TOPICS))
