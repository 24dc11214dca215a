"""Apache Kafka as rows of the table: one broker that is its own controller, or several that form a quorum."""

from __future__ import annotations

import base64
import socket
import struct
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local import artefacts, fetching, programs
from deploy.local.artefacts import Say
from deploy.local.errors import StackError
from deploy.local.metadata import Metadata
from deploy.local.part import Part

_HEAP = "-Xmx512m"
_QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
_QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
_METADATA_REQUEST = 3
_ALL_TOPICS = -1
_ASKED_WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class Broker:
    """One Kafka server: its number in the cluster, its two ports and its folder."""

    number: int
    port: int
    controller_port: int
    folder: Path


def class_path(say: Say) -> str:
    """Return the Java class path of Kafka, downloading the jars at the first use."""
    return ":".join(str(jar) for jar in fetching.fetch(artefacts.read_lock("kafka"), "Kafka", say))


def parts(brokers: Sequence[Broker], say: Say) -> list[Part]:
    """Return the rows for these brokers, which form one cluster."""
    jars = class_path(say)
    return [_part(broker, brokers, jars) for broker in brokers]


def bootstrap(brokers: Sequence[Broker]) -> str:
    """Return the address list for clients."""
    return ",".join(f"127.0.0.1:{broker.port}" for broker in brokers)


def _part(broker: Broker, cluster: Sequence[Broker], jars: str) -> Part:
    name = "kafka" if len(cluster) == 1 else f"kafka-{broker.number}"
    return Part(
        name=name,
        command=_java(jars, _HEAP, "kafka.Kafka", str(_properties(broker))),
        ports={name: broker.port, f"{name} controller": broker.controller_port},
        prepare=lambda: _prepare(broker, cluster, jars),
        healthy=lambda: _knows_itself(broker.port),
        answers=lambda: _metadata(broker.port) is not None,
        settled=lambda: is_whole(broker.port, len(cluster)),
        hung_after=20,
        engine=True,
        within=60,
        patience=4,
    )


def _java(jars: str, *arguments: str) -> tuple[str, ...]:
    return (str(programs.java()), *_QUICK_START, _QUIET, "-cp", jars, *arguments)


def _properties(broker: Broker) -> Path:
    return broker.folder / "server.properties"


def _prepare(broker: Broker, cluster: Sequence[Broker], jars: str) -> None:
    """Write the configuration and format the data folder when it is new."""
    broker.folder.mkdir(parents=True, exist_ok=True)
    _properties(broker).write_text(_configuration(broker, cluster), encoding="utf-8")
    if not (broker.folder / "data" / "meta.properties").exists():
        _format(broker, cluster, jars)


def _format(broker: Broker, cluster: Sequence[Broker], jars: str) -> None:
    # One word with "=": an id may begin with a dash.
    tool = ("kafka.tools.StorageTool", "format", f"--cluster-id={_cluster_id(cluster)}")
    command = _java(jars, "-Xmx128m", *tool, "--config", str(_properties(broker)), "--ignore-formatted")
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if result.returncode != 0:
        raise StackError(f"Kafka's data folder {broker.folder} could not be formatted:\n{result.stdout}{result.stderr}")


def _cluster_id(cluster: Sequence[Broker]) -> str:
    """Return the same id for every broker of a cluster and another one for every cluster."""
    name = uuid.uuid5(uuid.NAMESPACE_URL, str(cluster[0].folder.resolve()))
    return base64.urlsafe_b64encode(name.bytes).decode().rstrip("=")


def _configuration(broker: Broker, cluster: Sequence[Broker]) -> str:
    copies = min(3, len(cluster))
    voters = ",".join(f"{member.number}@127.0.0.1:{member.controller_port}" for member in cluster)
    settings = {
        "process.roles": "broker,controller",
        "node.id": broker.number,
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": f"PLAINTEXT://127.0.0.1:{broker.port},CONTROLLER://127.0.0.1:{broker.controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{broker.port}",
        "log.dirs": broker.folder / "data",
        "log.retention.ms": -1,
        "log.index.size.max.bytes": 2_097_152,
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": max(1, copies - 1),
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": max(1, copies - 1),
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": max(1, copies - 1),
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 2_000,
        # A dead broker of several is noticed after this long; the default of 9 s would stretch every failover.
        "broker.session.timeout.ms": 3_000,
        "broker.heartbeat.interval.ms": 1_000,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _knows_itself(port: int) -> bool:
    """Say whether the broker answers and counts itself among the cluster's living brokers."""
    answer = _metadata(port)
    return answer is not None and port in answer.ports


def is_whole(port: int, count: int) -> bool:
    """Say whether all brokers live and every copy of every partition is up to date: the next one may be taken away."""
    answer = _metadata(port)
    return answer is not None and len(answer.ports) == count and not answer.behind


def _metadata(port: int) -> Metadata | None:
    """Ask a broker what it knows of its cluster; None when it does not answer in time."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_ASKED_WITHIN) as connection:
            body = struct.pack(">hhih", _METADATA_REQUEST, 1, 1, -1) + struct.pack(">i", _ALL_TOPICS)
            connection.sendall(struct.pack(">i", len(body)) + body)
            return Metadata.read(_read(connection, struct.unpack(">i", _read(connection, 4))[0]))
    except OSError:
        return None


def _read(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        piece = connection.recv(size - len(received))
        if not piece:
            raise ConnectionError("The broker closed the connection.")
        received += piece
    return received
