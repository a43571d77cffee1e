"""A real Apache Kafka, one node that is broker and controller, on free ports of loopback."""

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from app.errors import Stop
from app.local.child import Child
from app.local.jars import COORDINATES, cache_folder, class_path
from app.local.java import KAFKA_NEEDS, java_home
from app.local.ports import HOST, free_ports, require_free

# A broker that was killed may come back only after its old session has ended: 9 s, unless told otherwise.
QUICK_RETURN: Final = {"broker.session.timeout.ms": "1000", "broker.heartbeat.interval.ms": "200"}

CLUSTER_ID: Final = "dGV0cmFzdGFzaC1sb2NhbA"  # 16 bytes in base64; one that begins with '-' is taken for an option
_JVM: Final = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.apache.logging.log4j.level=WARN")


class Kafka(Child):
    def __init__(self, folder: Path, properties: Mapping[str, str] | None = None) -> None:
        """`folder` keeps data and log over restarts. `properties` are added to server.properties, and win."""
        super().__init__("Kafka", folder / "kafka.log")
        self.folder = folder
        self.port, self.controller_port = free_ports(2)
        self._lock: int | None = None  # a descriptor
        self._properties = {**_properties(self.port, self.controller_port, folder / "data"), **(properties or {})}

    def add(self, properties: Mapping[str, str]) -> None:
        """To server.properties, at the next start."""
        self._properties |= properties

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        """Returns once the broker answers. Raises Stop when it cannot start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._hold()
        java = java_home(KAFKA_NEEDS) / "bin/java"
        jars = ":".join(map(str, class_path("kafka")))
        configuration = self.folder / "server.properties"
        configuration.write_text("".join(f"{name}={value}\n" for name, value in self._properties.items()), "utf-8")
        if not (self.folder / "data/meta.properties").exists():
            _format(java, jars, self.folder / "data")
        if not self.is_running:
            require_free(self.port, "Kafka")
            require_free(self.controller_port, "Kafka's controller")
        self.launch([java, *_JVM, "-cp", jars, "kafka.Kafka", configuration], self._answers)

    def stop(self, seconds: float = 30) -> None:
        super().stop(seconds)
        self._release()

    def kill(self) -> None:
        super().kill()
        self._release()

    def _hold(self) -> None:
        """While it runs. A second broker meets Kafka's own lock only after its controller has written to the metadata
        of the first, which then scans them for ever."""
        if self._lock is None:
            lock = os.open(self.folder / "in-use", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                raise Stop(
                    f"Kafka's folder {str(self.folder)!r} is in use by another Kafka. Expected a folder of its own."
                ) from None
            self._lock = lock

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _answers(self) -> bool:
        return knows_a_broker(self.port)


def knows_a_broker(port: int) -> bool:
    """Whether the server on this port of loopback lists a living broker.

    An open port is not enough: for a while after it opens the broker is fenced, and clients find no leaders.
    """
    # Metadata, version 4, correlation id 1, no client id; no topics, none to be created
    request = struct.pack(">hhihib", 3, 4, 1, -1, 0, 0)
    try:
        with socket.create_connection((HOST, port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.recv(16)
    except OSError:
        return False
    # Size, correlation id, throttle time, count of brokers
    return len(answer) == 16 and struct.unpack(">iiii", answer)[3] > 0


def _properties(port: int, controller_port: int, data: Path) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "log.cleaner.dedupe.buffer.size": "2097152",
        "num.network.threads": "2",
        "num.io.threads": "4",
    }


def _format(java: Path, jars: str, data: Path) -> None:
    """Kafka's own tool takes 2 s for what is the same files every time, so they are kept in the cache."""
    version = COORDINATES["kafka"][0].rpartition(":")[2]
    kept = cache_folder() / f"kafka-{version}-formatted"
    if not (kept / "meta.properties").exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix="partial-") as partial:
            made = Path(partial, "data")
            configuration = Path(partial, "server.properties")
            lines = _properties(1, 2, made).items()
            configuration.write_text("".join(f"{name}={value}\n" for name, value in lines), "utf-8")
            tool = ["-cp", jars, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(configuration)]
            done = subprocess.run([str(java), *_JVM, *tool], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Stop(f"Kafka's data folder {data} cannot be made: {(done.stdout + done.stderr).strip()}")
            try:
                made.rename(kept)
            except OSError:  # another process was first, and made the same
                if not (kept / "meta.properties").exists():
                    raise
    partial_data = data.with_name(f"{data.name}.partial-{os.getpid()}")
    shutil.copytree(kept, partial_data)
    partial_data.rename(data)
