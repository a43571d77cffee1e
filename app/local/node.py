"""`python -m app.local.node <home> <port> <transport port> <JVM option>…`: one Elasticsearch node in this process.

The official distribution is no package that a registry carries; its jars are. This puts them together as the
distribution does, from internal classes of one pinned version: good for a demo and for tests, and for nothing else.
"""

import os
import shutil
import signal
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from app.errors import Stop
from app.local.jars import class_path
from app.local.java import ELASTICSEARCH_NEEDS, java_home
from app.local.ports import HOST

_MODULE: Final = "transport-netty4"
_DESCRIPTOR: Final = "plugin-descriptor.properties"


def prepare(home: Path, jars: list[Path]) -> list[Path]:
    """Lays out the folder that a node expects; the jars that remain for the class path.

    The HTTP server is a module of its own there, with a class loader of its own.
    """
    module = home / "modules" / _MODULE
    module.mkdir(parents=True, exist_ok=True)
    (home / "config").mkdir(exist_ok=True)
    (home / "config/elasticsearch.yml").touch()
    in_module = [jar for jar in jars if jar.name.startswith((_MODULE, "netty-"))]
    for jar in in_module:
        shutil.copyfile(jar, module / jar.name)
        if jar.name.startswith(_MODULE):
            (module / _DESCRIPTOR).write_text(descriptor(jar), "utf-8")
    return [jar for jar in jars if jar not in in_module]


def descriptor(jar: Path) -> str:
    """As it lies in the jar, without the name of the Java module: the jars around it are on the class path."""
    with zipfile.ZipFile(jar) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(_DESCRIPTOR)]
        text = archive.read(name).decode("utf-8")
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("modulename="))


def start_jvm(jars: list[Path], *options: str) -> None:
    """In this process."""
    import jpype

    jpype.startJVM(
        str(java_home(ELASTICSEARCH_NEEDS) / "lib/server/libjvm.so"),
        "-Xrs",  # signals are this process's, not the JVM's
        "-XX:+UseSerialGC",
        "--enable-native-access=ALL-UNNAMED",
        *options,
        classpath=[str(jar) for jar in jars],
        convertStrings=False,
    )


def node_settings(home: Path, port: int, transport_port: int) -> dict[str, str]:
    """Of a cluster of one."""
    return {
        "path.home": str(home),
        "cluster.name": "tetrastash-local",
        "node.name": "local",
        "http.port": str(port),
        "transport.port": str(transport_port),
        "network.host": HOST,
        "discovery.type": "single-node",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }


def start(home: Path, port: int, transport_port: int, options: Sequence[str]) -> Any:
    """The running node, a Java object."""
    import jpype

    start_jvm(
        prepare(home, class_path("elasticsearch")),
        *options,
        f"-Des.path.home={home}",
        "-Des.distribution.type=tar",
        "-Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false",
    )
    # Classes by name, not by JPackage: that opens the jars as file systems, which the node then cannot do.
    builder = jpype.JClass("org.elasticsearch.common.settings.Settings").builder()
    for name, value in node_settings(home, port, transport_port).items():
        builder.put(name, value)
    # Elasticsearch reckons a large document four times, and takes requests up to a tenth of its heap: a line of 5 MB
    # would need a heap of 1 GB. The heap here is smaller.
    builder.put("indexing_pressure.memory.limit", "40%")
    settings = builder.build()
    path = jpype.JClass("java.nio.file.Path")
    environment = jpype.JClass("org.elasticsearch.env.Environment")(settings, path.of(str(home), "config"))
    jpype.JClass("org.elasticsearch.common.logging.LogConfigurator").configureWithoutConfig(settings)
    loader = jpype.JClass("org.elasticsearch.plugins.PluginsLoader")
    bundles = loader.loadModulesBundles(path.of(str(home), "modules"), False)
    nothing = jpype.JClass("java.util.Set").of(), jpype.JClass("java.util.Map").of()
    plugins = loader.createPluginsLoader(bundles, *nothing, False)
    return jpype.JClass("org.elasticsearch.node.Node")(environment, plugins).start()


def serve(start: Callable[[Path, int, int, Sequence[str]], Any], arguments: list[str]) -> None:
    """Until SIGTERM or SIGINT."""
    home, port, transport_port, *options = arguments
    # Before the JVM starts its threads, which inherit the mask: the signal then waits for sigwait below.
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    node = start(Path(home).resolve(), int(port), int(transport_port), options)
    signal.sigwait(ends)
    node.close()
    # Threads of the JVM that nothing waits for any more would hold up an orderly exit.
    os._exit(0)


if __name__ == "__main__":
    try:
        serve(start, sys.argv[1:])
    except Stop as error:
        sys.exit(str(error))
