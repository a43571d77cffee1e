"""A real Kafka that lets nobody in without a password or a certificate, and lets whom it knows do only what is granted.

Its plain listener is the tests' own way in: who comes there may do everything.
"""

import contextlib
import functools
import ssl
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import trustme
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives import serialization

from app.local.kafka import QUICK_RETURN, Kafka
from app.local.ports import HOST, free_ports

# And their security protocols. MTLS wants a certificate of the client; that of ELSEWHERE does not name its address.
LISTENERS: Final = {
    "TLS": "SSL",
    "MTLS": "SSL",
    "ELSEWHERE": "SSL",
    "SASL_PLAINTEXT": "SASL_PLAINTEXT",
    "SASL_SSL": "SASL_SSL",
}
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_LOGIN: Final = "org.apache.kafka.common.security"
_SCRAM: Final = {"SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512}


class Secured:
    """`users` are those of PLAIN, with their passwords; the others are made by `know`."""

    def __init__(self, folder: Path, users: Mapping[str, str]) -> None:
        self.authority = trustme.CA()
        ports = dict(zip(LISTENERS, free_ports(len(LISTENERS)), strict=True))
        self.addresses = {
            listener: f"{'127.0.0.2' if listener == 'ELSEWHERE' else HOST}:{port}" for listener, port in ports.items()
        }
        self.kafka = Kafka(folder, QUICK_RETURN)
        self.kafka.add(_listeners(self.kafka, self.addresses) | _tls(self.authority) | _users(users) | _RIGHTS)

    @contextlib.contextmanager
    def running(self) -> Iterator["Secured"]:
        self.kafka.start()
        try:
            yield self
        finally:
            self.kafka.stop()

    def know(self, user: str, password: str) -> None:
        """By SCRAM, as PLAIN knows only those that it began with."""
        changes = [
            UserScramCredentialUpsertion(user, ScramCredentialInfo(mechanism, 4096), password.encode())
            for mechanism in _SCRAM.values()
        ]
        for change in changes:
            for done in self._admin.alter_user_scram_credentials([change]).values():
                done.result(10)

    def grant(self, user: str, rights: Iterable[tuple[str, str, str]]) -> None:
        """Each is (Topic or Group or Cluster, its name, the operation)."""
        for done in self._admin.create_acls([_acl(user, *right) for right in rights]).values():
            done.result(10)

    def revoke_all(self, user: str) -> None:
        # None is any, which its types do not say.
        any_right = AclBindingFilter(
            ResourceType.ANY,
            None,  # type: ignore[arg-type]
            ResourcePatternType.ANY,
            f"User:{user}",
            None,  # type: ignore[arg-type]
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        for done in self._admin.delete_acls([any_right]).values():
            done.result(10)

    @functools.cached_property
    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.kafka.bootstrap})


def write_authority(authority: trustme.CA, folder: Path) -> Path:
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def write_client(authority: trustme.CA, folder: Path, name: str) -> tuple[Path, Path]:
    """Certificate and key of a user with this name."""
    issued = authority.issue_cert(f"{name}.example", common_name=name)
    certificate, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    return certificate, key


def server_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def _acl(user: str, kind: str, name: str, operation: str) -> AclBinding:
    words = "".join(f"_{each}" if each.isupper() else each for each in operation).strip("_").upper()
    return AclBinding(
        {"Topic": ResourceType.TOPIC, "Group": ResourceType.GROUP, "Cluster": ResourceType.BROKER}[kind],
        name, ResourcePatternType.LITERAL, f"User:{user}", "*", AclOperation[words], AclPermissionType.ALLOW,
    )  # fmt: skip


_RIGHTS: Final = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",
}


def _listeners(kafka: Kafka, addresses: Mapping[str, str]) -> dict[str, str]:
    added = "".join(f",{listener}://{address}" for listener, address in addresses.items())
    protocols = "".join(f",{listener}:{protocol}" for listener, protocol in LISTENERS.items())
    return {
        "listeners": f"PLAINTEXT://{kafka.bootstrap},CONTROLLER://{HOST}:{kafka.controller_port}{added}",
        "advertised.listeners": f"PLAINTEXT://{kafka.bootstrap}{added}",
        "listener.security.protocol.map": f"PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}",
    }


def _tls(authority: trustme.CA) -> dict[str, str]:
    issued = authority.issue_cert(HOST, "localhost")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    pkcs8 = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.key": _one_line(pkcs8),
        "ssl.keystore.certificate.chain": _one_line(chain),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.certificates": _one_line(authority.cert_pem.bytes()),
        "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/",
        "listener.name.mtls.ssl.client.auth": "required",
    }


def _one_line(pem: bytes) -> str:
    return pem.decode().replace("\n", "\\n")


def _users(users: Mapping[str, str]) -> dict[str, str]:
    known = "".join(f' user_{user}="{password}"' for user, password in users.items())
    properties = {"sasl.enabled.mechanisms": ",".join(MECHANISMS)}
    for listener in ("sasl_plaintext", "sasl_ssl"):
        of = f"listener.name.{listener}"
        properties[f"{of}.plain.sasl.jaas.config"] = f"{_LOGIN}.plain.PlainLoginModule required{known};"
        for mechanism in _SCRAM:
            properties[f"{of}.{mechanism.lower()}.sasl.jaas.config"] = f"{_LOGIN}.scram.ScramLoginModule required;"
    return properties
