"""A real Elasticsearch node on free ports of loopback, in a child process of Python (app.local.node)."""

import http.client
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from app.local.child import Child
from app.local.ports import HOST, free_ports, require_free

# For a node that sees less than some 50,000 documents: until then the second compiler costs more than it gains.
FIRST_COMPILER: Final = ("-XX:TieredStopAtLevel=1",)


class Elasticsearch(Child):
    node: ClassVar = "app.local.node"

    def __init__(self, folder: Path, heap: str = "512m", options: Sequence[str] = ()) -> None:
        """`folder` keeps data and log over restarts. `heap` as in -Xmx; `options` are more of the JVM's."""
        super().__init__("Elasticsearch", folder / "elasticsearch.log")
        self.folder = folder
        self.port, self.transport_port = free_ports(2)
        self._options = (f"-Xms{heap}", f"-Xmx{heap}", *options)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Returns once the cluster takes documents. Raises Stop when it cannot start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.is_running:
            require_free(self.port, "Elasticsearch")
            require_free(self.transport_port, "Elasticsearch's transport")
        ports = [str(self.port), str(self.transport_port)]
        command: list[str | Path] = [sys.executable, "-m", self.node, self.folder / "home", *ports, *self._options]
        self.launch(command, lambda: is_healthy(self.port))


def is_healthy(port: int) -> bool:
    """Whether the node on this port of loopback has all its primary shards.

    Replicas have nowhere to go on one node: yellow is as healthy as it gets.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/_cluster/health")
        health = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return health.get("status") in {"yellow", "green"}
