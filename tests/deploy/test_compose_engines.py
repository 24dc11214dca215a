"""What the compose files say to MongoDB and Kafka, tried with the embedded ones: users, passwords, TLS, access lists."""

from __future__ import annotations

import socket
import ssl
import stat
from collections.abc import Iterator
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError
from kafka.structs import TopicPartition
from pymongo.errors import OperationFailure, PyMongoError

from deploy.docker import secure
from services import manifests
from shared import settings
from shared.bus.inbox import Subscription
from shared.bus.kafka import KafkaSettings, ensure_topics, open_consumer
from shared.schemas.registry import PUBLISHERS, topics, topics_of
from shared.storage.mongo import MongoSettings, connect, open_database
from tests.deploy import composed
from tests.deploy.composed import Composed


@pytest.fixture(scope="module", params=[composed.ONE, pytest.param(composed.THREE, marks=pytest.mark.slow)], ids=len)
def secured(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    with composed.running(tmp_path_factory.mktemp("secured"), request.param) as made:
        yield made


@pytest.mark.parametrize("service", secure.USERS)
def test_each_service_writes_its_own_database_and_no_other(secured: Composed, service: str) -> None:
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


def test_mongodb_refuses_a_wrong_password_and_no_password_and_no_tls(secured: Composed) -> None:
    address = secured.environment("catalog")["CLUSTERSKILLS_MONGO_URL"]
    with connect(address.replace("secret-of", "guess-at")) as wrong, pytest.raises(OperationFailure, match="Authent"):
        wrong["clusterskills_catalog"]["things"].find_one()
    with secured.client("mongo", tls=True) as nobody, pytest.raises(OperationFailure, match="authentication"):
        nobody["clusterskills_catalog"]["things"].find_one()
    with secured.client("mongo") as plain, pytest.raises(PyMongoError):
        plain.admin.command("ping")


@pytest.mark.parametrize("service", PUBLISHERS)
def test_each_service_sends_its_own_events_and_reads_those_it_listens_to(secured: Composed, service: str) -> None:
    given = _kafka_of(secured, service)
    (own, *_), listens = topics_of(service), secure.LISTENS.get(service, ())
    ensure_topics(given, [own, *listens])
    _send(given, own)
    for topic in listens:
        consumer = open_consumer(given, f"clusterskills_{service}.copies.g1", [topic])
        while not consumer.assignment():
            consumer.poll(timeout_ms=100)
        consumer.commit()
        consumer.close()

    assert given.client()["security_protocol"] == "SASL_SSL"


def test_no_service_writes_what_is_anothers_nor_reads_what_it_does_not_listen_to(secured: Composed) -> None:
    for name in PUBLISHERS:
        ensure_topics(_kafka_of(secured, name), topics_of(name))
    given = _kafka_of(secured, "catalog")
    for topic in set(topics()) - set(topics_of("catalog")):
        with pytest.raises(TopicAuthorizationFailedError):
            _send(given, topic)
    with pytest.raises(TopicAuthorizationFailedError):
        _read(given, "clusterskills_catalog.copies.g1", "person")
    with pytest.raises(GroupAuthorizationFailedError):
        _read(given, "clusterskills_enrolment.copies.g1", "organisation")
    with pytest.raises(TopicAuthorizationFailedError):
        ensure_topics(given, ["somebodys"])


def test_kafka_refuses_a_wrong_password_and_no_tls(secured: Composed) -> None:
    options = _kafka_of(secured, "catalog").client()
    for wrong in ({"sasl_plain_password": "guessed"}, {"security_protocol": "SASL_PLAINTEXT"}):
        with pytest.raises(KafkaError):
            KafkaProducer(**{**options, **wrong, "max_block_ms": 2_000}).send("course", b"x").get(5)


@pytest.mark.slow
def test_brokers_and_controllers_refuse_who_has_no_certificate_of_theirs(tmp_path: Path) -> None:
    with composed.running(tmp_path, composed.THREE) as made:
        trusting = ssl.create_default_context(cafile=str(tmp_path / "ca" / "ca.pem"))
        for number in (9093, 9095):
            plain = socket.create_connection(("localhost", made.port("kafka-2", number)))
            refused = pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED")
            with trusting.wrap_socket(plain, server_hostname="localhost") as stranger, refused:
                stranger.recv(1)


def test_what_a_service_may_read_is_what_it_listens_to() -> None:
    assert {
        service.name: tuple(sorted({topic for each in _subscriptions(service.package) for topic in each.topics}))
        for service in manifests()
        if service.subscriptions
    } == secure.LISTENS


def _subscriptions(package: str) -> list[Subscription]:
    make = import_module(f"{package}.handlers").subscriptions
    made: list[Subscription] = make(*(MagicMock() for _ in signature(make).parameters))
    return made


def test_private_keys_are_for_their_server_alone_and_stay(tmp_path: Path) -> None:
    secure.make_files(tmp_path, owned=False)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    secure.make_files(tmp_path, owned=False)

    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    open_to_others = [path.name for path in before if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert open_to_others == ["ca.pem"]
    assert b"PRIVATE" not in (tmp_path / "ca" / "ca.pem").read_bytes()


def _kafka_of(secured: Composed, service: str) -> KafkaSettings:
    return settings.load(KafkaSettings, secured.environment(service))


def _send(given: KafkaSettings, topic: str) -> None:
    producer = KafkaProducer(**given.client(), acks="all", max_block_ms=20_000)
    try:
        producer.send(topic, b"an event").get(30)
    finally:
        producer.close(timeout=1)


def _read(given: KafkaSettings, group: str, topic: str) -> Any:
    consumer = KafkaConsumer(group_id=group, auto_offset_reset="earliest", **given.client())
    try:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.committed(TopicPartition(topic, 0))
        return consumer.poll(timeout_ms=20_000)
    finally:
        consumer.close(autocommit=False)
