"""What a user's network.yaml may say, and what it is told where it may not."""

import re
from pathlib import Path

import pytest

from schemas.net.knowledge import Knowledge, read_site
from schemas.net.services import SERVICES
from schemas.net.suspicions import RULES

WRONG = {
    "a key with a typo": ("pod: [10.0.0.0/8]\n", "line 1: 'pod' is unknown here. Did you mean 'pods'?"),
    "a key within a key": ("scan:\n  prots: 5\n", "line 2: 'prots' is unknown here. Did you mean 'ports'?"),
    "no network": ("pods:\n- 10.0.0.0/8\n- ten\n", "line 3: 'pods[1]' is 'ten'. Value error, 'ten' does not appear"),
    "host bits": ("nodes: [10.0.0.1/8]\n", "line 1: 'nodes[0]' is '10.0.0.1/8'. Value error, 10.0.0.1/8 has host bits"),
    "a prefix that is too long": ("nodes: [10.0.0.0/33]\n", "line 1: 'nodes[0]' is '10.0.0.0/33'. Value error"),
    "a number": ("pods: [10]\n", "line 1: 'pods[0]' is 10. Input should be a valid string"),
    "one network instead of a list": (
        "pods: 10.0.0.0/8\n",
        "line 1: 'pods' is '10.0.0.0/8'. Input should be a valid list",
    ),
    "a network twice": (
        "pods:\n- 10.0.0.0/8\nservices:\n- 10.0.0.0/8\n",
        "line 4: 10.0.0.0/8 stands in line 2 already. Expected every network once.",
    ),
    "a port that is none": ("ports:\n  app: [70000]\n", "line 2: 'app[0]' is 70000. Input should be less than"),
    "a port as text": ("ports: {app: ['80']}\n", "line 1: 'app[0]' is '80'. Input should be a valid integer"),
    "a port twice": (
        "ports:\n  app: [8444]\n  web:\n  - 8444\n",
        "line 4: port 8444 is 'app' already. Expected every port once.",
    ),
    "a rule that is none": (
        "disable:\n- network.miner\n- network.minor\n",
        "line 3: 'disable[1]' is 'network.minor'. Value error, there is no such rule; expected some of",
    ),
    "a limit out of reach": ("scan: {hosts: 5000}\n", "line 1: 'hosts' is 5000. Input should be less than or equal"),
    "no mapping": ("- pods\n", "line 1: there is ['pods']. Expected names and values: pods, services"),
    "no YAML": ("pods: [\n", "Expected YAML"),
    "no text": ("\xff", "Expected YAML in UTF-8"),
    "a key twice": ("pods: []\npods: []\n", "line 2: 'pods' stands in line 1 already"),
}


def read(text: str) -> Knowledge:
    return read_site(text.encode("latin-1"), "network.yaml")


@pytest.mark.parametrize(("text", "sentence"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r"network\.yaml") as caught:
        read(text)

    assert sentence in str(caught.value)


def test_an_empty_file_changes_nothing() -> None:
    known = read("")

    assert known.services == SERVICES
    assert (known.disabled, known.most_ports, known.most_hosts) == (frozenset(), 50, 200)
    assert known.zone_of("10.244.0.1") == "internal"


def test_a_site_has_its_own_networks_ports_and_limits() -> None:
    known = read(
        "pods: [10.244.0.0/16, 'fd00:1::/64']\nnodes: [192.0.2.7/32]\nexternal: [10.0.0.0/8]\n"
        "ports: {payments: [8444], dns: [53]}\ndisable: [network.ssh_port]\nscan: {ports: 0}\n"
    )

    assert [known.zone_of(address) for address in ("10.244.0.1", "fd00:1::9", "192.0.2.7", "10.1.1.1")] == [
        "pod",
        "pod",
        "node",
        "external",
    ]
    assert [known.services[place] for place in (("tcp", 8444), ("udp", 53), ("tcp", 443))] == [
        "payments",
        "dns",
        "https",
    ]
    assert (known.disabled, known.most_ports, known.most_hosts) == (frozenset(("network.ssh_port",)), 0, 200)


def test_the_documents_example_can_be_read_and_every_rule_is_told() -> None:
    text = Path("docs/network.md").read_text("utf-8")
    [example] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    known = read(example)

    assert known.zone_of("10.244.3.4") == "pod"
    assert (known.most_ports, known.most_hosts) == (read("").most_ports, read("").most_hosts)
    assert set(re.findall(r"^\| `(network\.\w+)` \| \d", text, re.MULTILINE)) == set(RULES)


def test_a_port_has_one_name_and_is_one() -> None:
    assert all(
        transport in ("tcp", "udp") and 0 < port < 65536 and name for (transport, port), name in SERVICES.items()
    )
    assert SERVICES["tcp", 6443] == "kube-apiserver"
