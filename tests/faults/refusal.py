"""A topic that takes nothing for a moment, as after a mistake in its configuration: every send to it fails."""

from typing import Final

from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from tests.faults.children import UP, State

SETTING: Final = "max.message.bytes"
NOTHING: Final = "64"
SECONDS: Final = 10.0


class Topic:
    """`state` and `until` as of a child."""

    def __init__(self, servers: str, name: str) -> None:
        self.name = f"topic {name}"
        self.state: State = UP
        self.until = 0.0
        self.complaints: list[str] = []
        self._topic = name
        self._admin = AdminClient({"bootstrap.servers": servers})
        resource = ConfigResource(ResourceType.TOPIC, name)
        described = self._admin.describe_configs([resource], request_timeout=SECONDS)[resource].result()
        self._usual = str(described[SETTING].value)

    def refuse(self, now: float, seconds: float) -> None:
        self._set(NOTHING)
        self.state, self.until = "paused", now + seconds

    def resume(self) -> None:
        self._set(self._usual)
        self.state = UP

    def tick(self, now: float) -> None:
        if self.state == "paused" and now >= self.until:
            self.resume()

    def _set(self, value: str) -> None:
        entry = ConfigEntry(SETTING, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, self._topic, incremental_configs=[entry])
        self._admin.incremental_alter_configs([resource], request_timeout=SECONDS)[resource].result()
