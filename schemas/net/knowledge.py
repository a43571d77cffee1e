"""What the agent network knows of the site: networks, ports, limits; and how a user's file changes it."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Annotated, Final, TypeAlias

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.located import Located
from schemas.net.services import SERVICES
from schemas.net.suspicions import RULES
from schemas.net.zones import Network, Zone, ZoneOf, zones

_ZONES: Final[Mapping[str, Zone]] = {
    "pods": "pod",
    "services": "service",
    "nodes": "node",
    "internal": "internal",
    "external": "external",
}
_TRANSPORTS: Final = ("tcp", "udp")


def _network(text: str) -> str:
    ip_network(text)  # raises ValueError
    return text


def _rule(text: str) -> str:
    if text not in RULES:
        raise ValueError(f"there is no such rule; expected some of {', '.join(RULES)}")
    return text


Cidr: TypeAlias = Annotated[str, AfterValidator(_network)]
Port: TypeAlias = Annotated[int, Field(ge=1, le=65535)]
Limit: TypeAlias = Annotated[int, Field(ge=0, le=700)]  # of what 1024 bits can tell


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Scan(_Part):
    """How many a process may connect to within a minute; 0 is as many as it likes."""

    ports: Limit = 50
    hosts: Limit = 200


class Site(_Part):
    """A user's file."""

    pods: list[Cidr] = []
    services: list[Cidr] = []
    nodes: list[Cidr] = []
    internal: list[Cidr] = []  # one's own, though the world could reach them
    external: list[Cidr] = []  # not one's own, though they look so
    ports: dict[str, list[Port]] = {}  # by the name of a service of one's own
    disable: list[Annotated[str, AfterValidator(_rule)]] = []
    scan: Scan = Scan()


class Knowledge(msgspec.Struct, frozen=True, gc=False):
    zone_of: ZoneOf
    services: Mapping[tuple[str, int], str]  # by transport and port
    disabled: frozenset[str]  # rules
    most_ports: int
    most_hosts: int


def knowledge(site: Site, networks: Sequence[tuple[Network, Zone]] = ()) -> Knowledge:
    own = {(transport, port): name for name, ports in site.ports.items() for port in ports for transport in _TRANSPORTS}
    return Knowledge(zones(networks), {**SERVICES, **own}, frozenset(site.disable), site.scan.ports, site.scan.hosts)


def read_site(text: bytes, file: str) -> Knowledge:
    """Raises ValueError, naming the lines."""
    located = Located(text, file)
    site = located.read(Site)
    networks: dict[Network, tuple[Zone, str]] = {}
    for key, zone in _ZONES.items():
        for place, cidr in enumerate(getattr(site, key)):
            network = ip_network(cidr)
            where = located.where((key, place))
            if network in networks:
                raise ValueError(
                    f"{where}: {cidr} stands in {networks[network][1]} already. Expected every network once."
                )
            networks[network] = zone, where.rpartition(", ")[2]
    claimed: dict[int, str] = {}
    for name, ports in site.ports.items():
        for place, port in enumerate(ports):
            if port in claimed:
                where = located.where(("ports", name, place))
                raise ValueError(f"{where}: port {port} is {claimed[port]!r} already. Expected every port once.")
            claimed[port] = name
    return knowledge(site, [(network, zone) for network, (zone, _) in networks.items()])
