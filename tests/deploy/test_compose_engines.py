"""What the compose file says to MongoDB and Kafka, tried with the embedded ones: users, passwords, TLS."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.docker import secure
from deploy.local import kafka, mongo
from deploy.local.part import Running
from shared import settings
from shared.bus.kafka import KafkaSettings, ensure_topics
from shared.storage.mongo import MongoSettings, connect, open_database
from tests.shared.http.conftest import free_port

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


@dataclass(frozen=True)
class Secured:
    """Both engines as compose would run them, and each service's environment with their addresses put in."""

    folder: Path
    mongo_port: int
    kafka_port: int

    def environment(self, service: str) -> dict[str, str]:
        found = {name: self.place(str(value)) for name, value in COMPOSE[service]["environment"].items()}
        return {name: value for name, value in found.items() if "${" not in value}

    def place(self, value: str) -> str:
        """Put secrets, addresses and paths of this machine into a value of the compose file."""
        value = re.sub(r"\$\{(\w+):\?\}", lambda found: f"secret-of-{found[1].lower()}", value)
        value = value.replace("mongo:27017", f"localhost:{self.mongo_port}")
        value = value.replace("/run/ca/", f"{self.folder}/ca/")
        return value.replace("kafka:9092", f"localhost:{self.kafka_port}")


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    mongo_port, kafka_port = free_port(), free_port()
    ours = Secured(folder, mongo_port, kafka_port)
    secure.make_files(folder, owned=False)
    running = [_mongo(ours), _kafka(ours)]
    try:
        _make_users(ours)
        yield ours
    finally:
        for part in running:
            part.stop()


def _mongo(ours: Secured) -> Running:
    own = {"--replSet", "--bind_ip_all", "--setParameter"}
    said = [word.replace("/run/tls/", f"{ours.folder}/mongo/") for word in COMPOSE["mongo"]["command"][1:]]
    extra = tuple(ours.place(word) for word in said if word.partition("=")[0] not in own)
    row = mongo.part(ours.folder / "mongo-data", ours.mongo_port)
    row = replace(row, command=(*row.command, *extra), healthy=lambda: _answers(ours))
    row.prepare()
    part = Running(row, ours.folder / "mongo.log")
    part.start()
    part.await_health()
    return part


def _answers(ours: Secured) -> bool:
    try:
        with _client(ours, tls=True) as client:
            return bool(client.admin.command("hello")["ok"])
    except PyMongoError:
        return False


def _client(ours: Secured, **options: Any) -> MongoClient[dict[str, Any]]:
    if options.get("tls"):
        options["tlsCAFile"] = str(ours.folder / "ca" / "ca.pem")
    return MongoClient("localhost", ours.mongo_port, directConnection=True, serverSelectionTimeoutMS=1000, **options)


def _make_users(ours: Secured) -> None:
    """As the image does with MONGO_INITDB_ROOT_..., then as `mongo-users` does."""
    said = ours.environment("mongo-users")
    admin = ours.environment("mongo")
    with _client(ours, tls=True) as client:
        client.admin.command("replSetInitiate", _replica_set(ours))
        while not client.admin.command("hello")["isWritablePrimary"]:
            pass
        name, password = admin["MONGO_INITDB_ROOT_USERNAME"], admin["MONGO_INITDB_ROOT_PASSWORD"]
        client.admin.command("createUser", name, pwd=password, roles=["root"])
    passwords = {user: said[f"CLUSTERSKILLS_MONGO_PASSWORD_{user.upper()}"] for user in secure.USERS}
    for _ in range(2):  # it runs at every start
        secure.make_users(said["CLUSTERSKILLS_MONGO_ADMIN_URL"], f"localhost:{ours.mongo_port}", passwords)


def _replica_set(ours: Secured) -> dict[str, Any]:
    return {"_id": "rs0", "members": [{"_id": 0, "host": f"localhost:{ours.mongo_port}"}]}


def _kafka(ours: Secured) -> Running:
    broker = kafka.Broker(1, ours.kafka_port, free_port(), ours.folder / "kafka-data")
    (row,) = kafka.parts([broker], print)
    inner = free_port()
    said = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): ours.place(value)
        .replace("CLIENT://:9092", f"CLIENT://127.0.0.1:{ours.kafka_port}")
        .replace("localhost:9093", f"localhost:{broker.controller_port}")
        .replace("localhost:9094", f"localhost:{inner}")
        .replace("/run/tls/", f"{ours.folder}/kafka/")
        .replace("/var/lib/kafka/data", f"{broker.folder}/data")
        for name, value in COMPOSE["kafka"]["environment"].items()
    }
    properties = broker.folder / "server.properties"

    def prepare() -> None:
        broker.folder.mkdir(parents=True)
        properties.write_text("".join(f"{name}={value}\n" for name, value in said.items()))
        kafka._format(broker, [broker], kafka.class_path(print))

    inner_port = {**row.ports, "inner": inner}
    row = replace(row, ports=inner_port, prepare=prepare, healthy=lambda: kafka._knows_itself(inner))
    row.prepare()
    part = Running(row, ours.folder / "kafka.log")
    part.start()
    part.await_health()
    return part


@pytest.mark.parametrize("service", secure.USERS)
def test_each_service_writes_its_own_database_and_no_other(secured: Secured, service: str) -> None:
    given = settings.load(MongoSettings, secured.environment(service))
    with connect(given.mongo_url) as client:
        own, other = (open_database(client, given, name) for name in (service, "somebody_else"))
        own["things"].insert_one({"_id": service})
        with client.start_session() as session, session.start_transaction():
            own["things"].update_one({"_id": service}, {"$set": {"seen": True}}, session=session)
        own["things"].create_index("seen")
        with own.watch(max_await_time_ms=1) as changes:
            changes.try_next()

        with pytest.raises(OperationFailure, match="not authorized"):
            other["things"].insert_one({"_id": service})


def test_mongodb_refuses_a_wrong_password_and_no_password_and_no_tls(secured: Secured) -> None:
    address = secured.environment("catalog")["CLUSTERSKILLS_MONGO_URL"]
    with connect(address.replace("secret-of", "guess-at")) as wrong, pytest.raises(OperationFailure, match="Authent"):
        wrong["clusterskills_catalog"]["things"].find_one()
    with _client(secured, tls=True) as nobody, pytest.raises(OperationFailure, match="authentication"):
        nobody["clusterskills_catalog"]["things"].find_one()
    with _client(secured) as plain, pytest.raises(PyMongoError):
        plain.admin.command("ping")


@pytest.mark.parametrize("service", ["catalog", "certificate", "directory", "enrolment"])
def test_each_service_sends_and_reads_events_as_itself(secured: Secured, service: str) -> None:
    given = settings.load(KafkaSettings, secured.environment(service))
    options, topic = given.client(), f"of-{service}"
    ensure_topics(given, [topic])
    producer = KafkaProducer(**options)
    producer.send(topic, b"an event").get(30)
    producer.close()
    consumer = KafkaConsumer(topic, auto_offset_reset="earliest", consumer_timeout_ms=30_000, **options)
    first = next(consumer)
    consumer.close()

    assert options["security_protocol"] == "SASL_SSL"
    assert first.value == b"an event"


def test_kafka_refuses_a_wrong_password_and_no_tls(secured: Secured) -> None:
    options = settings.load(KafkaSettings, secured.environment("catalog")).client()
    for wrong in ({"sasl_plain_password": "guessed"}, {"security_protocol": "SASL_PLAINTEXT"}):
        with pytest.raises(KafkaError):
            KafkaProducer(**{**options, **wrong, "max_block_ms": 2_000}).send("of-catalog", b"x").get(5)


def test_private_keys_are_for_their_server_alone_and_stay(tmp_path: Path) -> None:
    secure.make_files(tmp_path, owned=False)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    secure.make_files(tmp_path, owned=False)

    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    open_to_others = [path.name for path in before if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert open_to_others == ["ca.pem"]
    assert b"PRIVATE" not in (tmp_path / "ca" / "ca.pem").read_bytes()
