"""The Kafka of a row: one broker, one behind a relay, or three of which each has a copy of everything."""

import base64
import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from app.local.kafka import CLUSTER_ID, QUICK_RETURN, Kafka
from app.local.ports import HOST, free_ports
from tests.faults.relay import Relay

COPIES: Final = 3
_REPLICATED: Final = {
    "offsets.topic.replication.factor": str(COPIES),
    "transaction.state.log.replication.factor": str(COPIES),
    "transaction.state.log.min.isr": "2",
    "min.insync.replicas": "2",
    # Who was away for a moment is not to be taken for a copy that has everything.
    "unclean.leader.election.enable": "false",
}


class Brokers(NamedTuple):
    """`bootstrap` is what clients are told; the first of `all` is the controller, too."""

    all: list[Kafka]
    bootstrap: str
    relay: Relay | None = None


@contextlib.contextmanager
def behind_a_relay(folder: Path, seed: int) -> Iterator[Brokers]:
    port, inner = free_ports(2)
    kafka = Kafka(folder, QUICK_RETURN)
    listeners = f"PLAINTEXT://{HOST}:{kafka.port},RELAYED://{HOST}"
    kafka.add(
        {
            "listeners": f"{listeners}:{inner},CONTROLLER://{HOST}:{kafka.controller_port}",
            "advertised.listeners": f"{listeners}:{port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,RELAYED:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
        }
    )
    kafka.start()
    try:
        with Relay(port, inner, seed) as relay:
            yield Brokers([kafka], relay.bootstrap, relay)
    finally:
        kafka.stop()


@contextlib.contextmanager
def three(folder: Path) -> Iterator[Brokers]:
    folder.mkdir()
    first = Kafka(folder / "1", QUICK_RETURN | _REPLICATED)
    brokers = [first, *(_follower(folder / str(number), number, first) for number in range(2, COPIES + 1))]
    try:
        for broker in brokers:
            broker.start()
        yield Brokers(brokers, ",".join(broker.bootstrap for broker in brokers))
    finally:
        for broker in reversed(brokers):  # whoever stops first asks the controller
            broker.stop()


def _follower(folder: Path, number: int, first: Kafka) -> Kafka:
    """A broker without a controller. What Kafka's own tool writes has the number of the only one in it."""
    kafka = Kafka(folder, QUICK_RETURN | _REPLICATED)
    kafka.add(
        {
            "process.roles": "broker",
            "node.id": str(number),
            "controller.quorum.voters": f"1@{HOST}:{first.controller_port}",
            "listeners": f"PLAINTEXT://{HOST}:{kafka.port}",
        }
    )
    directory = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    (folder / "data").mkdir(parents=True)
    (folder / "data/meta.properties").write_text(
        f"version=1\ncluster.id={CLUSTER_ID}\nnode.id={number}\ndirectory.id={directory}\n", "utf-8"
    )
    return kafka
