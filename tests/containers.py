"""MongoDB and Kafka by testcontainers, for people who would rather use their container engine."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from pymongo import MongoClient

from deploy.local.ports import find_free
from deploy.local.processes import wait_until

_KAFKA_IMAGE, _MONGO_IMAGE = "apache/kafka:4.1.0", "mongo:8"


@dataclass(frozen=True)
class Addresses:
    """Where the containers' engines listen; None: no container."""

    mongo: str | None = None
    kafka: str | None = None


def wanted() -> bool:
    """Say whether containers were asked for and an engine answers."""
    if os.environ.get("CLUSTERSKILLS_TEST_CONTAINERS") != "1":
        return False
    import docker

    try:
        client = docker.from_env()
        try:
            return bool(client.ping())
        finally:
            client.close()
    except docker.errors.DockerException:
        return False


def start(folder: Path) -> Addresses:
    """Start both engines on free ports of this machine; `remove` with the same folder ends them."""
    from testcontainers.core.container import DockerContainer

    mongo_port, kafka_port = find_free(2)
    mongo = DockerContainer(_MONGO_IMAGE).with_bind_ports(mongo_port, mongo_port)
    mongo = mongo.with_command(f"mongod --replSet rs0 --bind_ip_all --port {mongo_port}")
    kafka = DockerContainer(_KAFKA_IMAGE).with_bind_ports(kafka_port, kafka_port)
    for name, value in _kafka_settings(kafka_port).items():
        kafka = kafka.with_env(name, value)
    started = [container.start().get_wrapped_container().id for container in (mongo, kafka)]
    (folder / "containers.json").write_text(json.dumps(started))
    _form_set(mongo_port)
    return Addresses(f"mongodb://127.0.0.1:{mongo_port}/?replicaSet=rs0", f"127.0.0.1:{kafka_port}")


def remove(folder: Path) -> None:
    """Remove the containers that `start` made for this folder, if it did."""
    record = folder / "containers.json"
    if not record.exists():
        return
    import docker

    client = docker.from_env()
    for container in json.loads(record.read_text()):
        client.containers.get(container).remove(force=True, v=True)
    client.close()


def _kafka_settings(port: int) -> dict[str, str]:
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }


def _form_set(port: int) -> None:
    members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
    with MongoClient[dict[str, object]]("127.0.0.1", port, directConnection=True) as client:
        client.admin.command("replSetInitiate", {"_id": "rs0", "members": members})
        wait_until(lambda: client.admin.command("hello").get("isWritablePrimary"), 30)
