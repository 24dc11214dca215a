"""One-shot steps of the compose files: `files` makes certificates and the key of the replica set, `users` makes MongoDB's
replica set and one user for each service, `rights` says which topics of Kafka each service may write and read. Each may
be done again: files stay as they are, users and rights become what is said here.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from pymongo import MongoClient
from pymongo.errors import OperationFailure
from pymongo.uri_parser import parse_uri

from deploy.local import mongo
from services import manifests
from shared import settings
from shared.bus import rights
from shared.bus.kafka import KafkaSettings
from shared.bus.rights import Right
from shared.schemas.registry import PUBLISHERS, topics_of

USERS: Final = tuple(service.name for service in manifests())
LISTENS: Final = {
    "catalog": ("awarding", "enrolment", "organisation", "portal", "roster", "seats"),
    "certificate": ("awarding", "consent", "course", "employment", "enrolment", "organisation", "person"),
    "directory": ("certificate", "enrolment"),
    "enrolment": ("certificate", "consent", "course", "employment", "organisation", "person", "portal", "session"),
}
"""The topics that a service's subscriptions name."""
_AUTHORITY: Final = "ca.pem"
_AUTHORITY_KEY: Final = "ca.key"
_LIFETIME: Final = timedelta(days=3650)
_HERE: Final = x509.IPAddress(IPv4Address("127.0.0.1"))


@dataclass(frozen=True, slots=True)
class Server:
    """Somebody who gets a certificate: its name, the user and group that its image runs as, and all that it is called in
    the network. Several servers of one set are one of these: they share the key by which they know each other."""

    name: str
    owner: int

    @property
    def hosts(self) -> tuple[str, ...]:
        """Its first name, those of a second and third server, and what it is called inside its container."""
        return (self.name, f"{self.name}-2", f"{self.name}-3", "localhost")


SERVERS: Final = (Server("mongo", 999), Server("kafka", 1000))


def make_files(root: Path, servers: Iterable[Server] = SERVERS, *, owned: bool = True) -> None:
    """Write `ca/ca.pem` for everybody, and for each server a folder that only it can read: `NAME/server.pem` (key and
    certificate) and `NAME/keyfile`. The authority's own key stays in `authority`."""
    authority = _authority(root)
    for server in servers:
        folder = _folder(root / server.name, 0o700)
        if not _names(folder / "server.pem") >= set(server.hosts):
            _write(folder / "server.pem", _issue(server, *authority))
        if not (folder / "keyfile").exists():
            _write(folder / "keyfile", secrets.token_hex(64).encode())
        if owned:
            for path in (folder, *folder.iterdir()):
                os.chown(path, server.owner, server.owner)


def make_users(url: str, passwords: Mapping[str, str], prefix: str = "clusterskills_") -> None:
    """Make the replica set, and for each service a user who may do everything in its own database and nothing elsewhere.

    `url` names the administrator, whom the first server knows, and all servers as their clients reach them.
    """
    _make_set(url)
    with MongoClient[dict[str, Any]](url, replicaSet="rs0", serverSelectionTimeoutMS=60_000) as client:
        for name, password in passwords.items():
            _make_user(client, name, password, [{"role": "dbOwner", "db": prefix + name}])


def _make_set(url: str) -> None:
    said = parse_uri(url)
    host, port = said["nodelist"][0]
    options = {"username": said["username"], "password": said["password"], **said["options"]}
    with MongoClient[dict[str, Any]](
        host, port, directConnection=True, serverSelectionTimeoutMS=60_000, **options
    ) as client:
        if client.admin.command("hello").get("isreplicaset"):  # says: meant to be one, but has no configuration yet
            hosts = [f"{name}:{number}" for name, number in said["nodelist"]]
            client.admin.command("replSetInitiate", mongo.configuration(hosts))


def _make_user(client: MongoClient[dict[str, Any]], name: str, password: str, roles: list[dict[str, str]]) -> None:
    try:
        client.admin.command("createUser", name, pwd=password, roles=roles)
    except OperationFailure as error:
        if error.code != _USER_EXISTS:
            raise
        client.admin.command("updateUser", name, pwd=password, roles=roles)


_USER_EXISTS: Final = 51003


def topic_rights(prefix: str = "clusterskills_") -> list[Right]:
    """Return what each service may do in Kafka: write the topics that are its own, read those that it listens to."""
    return [
        Right(name, writes=tuple(topics_of(name)), reads=LISTENS.get(name, ()), groups=f"{prefix}{name}.")
        for name in PUBLISHERS
    ]


def _authority(root: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    public, private = _folder(root / "ca", 0o755) / _AUTHORITY, _folder(root / "authority", 0o700) / _AUTHORITY_KEY
    if not private.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("ClusterSkills compose")
        found = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        _write(private, _pem(key))
        _write(public, found.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM), 0o644)
    kept = load_pem_private_key(private.read_bytes(), None)
    if not isinstance(kept, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{private} holds another kind of key")
    return x509.load_pem_x509_certificate(public.read_bytes()), kept


def _names(pem: Path) -> set[str]:
    """Return the names that a server's certificate is for; none when it is not there."""
    if not pem.exists():
        return set()
    found = x509.load_pem_x509_certificate(pem.read_bytes()).extensions
    return set(found.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName))


def _issue(server: Server, authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    names = [*(x509.DNSName(host) for host in server.hosts), _HERE]
    certificate = (
        _builder(_name(server.name), authority.subject, key)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    return _pem(key) + certificate.public_bytes(Encoding.PEM)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _folder(path: Path, mode: int) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    return path


def _write(path: Path, content: bytes, mode: int = 0o400) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def main(step: str) -> None:
    """Do one step with what the environment says."""
    if step == "files":
        make_files(Path("/tls"))
    elif step == "rights":
        rights.give(settings.load(KafkaSettings), topic_rights())
    else:
        passwords = {name: os.environ[f"CLUSTERSKILLS_MONGO_PASSWORD_{name.upper()}"] for name in USERS}
        make_users(os.environ["CLUSTERSKILLS_MONGO_ADMIN_URL"], passwords)


if __name__ == "__main__":
    main(sys.argv[1])
