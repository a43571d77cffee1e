"""The policies in deploy/policies ask for a deed once."""

import pytest
import yaml

from tests.acts.policies import FOLDER
from tests.acts.script import Line, told


@pytest.mark.parametrize("where", ["user", "exec"])
@pytest.mark.parametrize("path", ["/run/docker.sock", "/host/run/crio/crio.sock", "/run/dbus/system_bus_socket"])
def test_a_connection_to_a_socket_of_the_node_is_told_once(where: str, path: str) -> None:
    assert len(told(where, [Line.of(1, f"unix {path}")], as_asked=True).lines) == 1


def test_what_one_policy_of_sockets_leaves_out_the_other_asks_for() -> None:
    asked, left_out = (
        [
            match["values"]
            for hook in yaml.safe_load((FOLDER / f"{name}.yaml").read_bytes())["spec"]["kprobes"]
            for selector in hook["selectors"]
            for match in selector.get("matchArgs", [])
        ]
        for name in ("escape-sockets", "network-unix")
    )

    assert asked == left_out
