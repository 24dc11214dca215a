"""The compose files as compose puts them together, and their MongoDB and Kafka run with the embedded programs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.docker import secure
from deploy.local import kafka, ports, programs
from deploy.local.part import Part, Running
from shared import settings
from shared.bus import rights
from shared.bus.kafka import KafkaSettings

ROOT = Path(__file__).parents[2]
ONE, THREE = ("docker-compose.yml",), ("docker-compose.yml", "docker-compose.ha.yml")
Services = dict[str, dict[str, Any]]


def services(files: tuple[str, ...]) -> Services:
    """Return the services of these files, laid one over the other, with what they extend."""
    made: Services = {}
    for file in files:
        for name, row in read(file)["services"].items():
            extended = row.pop("extends", None)
            under = read(extended["file"])["services"][extended["service"]] if extended else {}
            made[name] = _over(_over(made.get(name, {}), under), row)
    return made


def read(file: str) -> dict[str, Any]:
    """Return a file's content as it stands there."""
    content: dict[str, Any] = yaml.safe_load((ROOT / file).read_text())
    return content


def _over(under: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Lay one service over another: variables, dependencies and volumes (by their place) are merged, the rest is new."""
    merged = {**under, **row}
    if {"environment"} & under.keys() & row.keys():
        merged["environment"] = {**under["environment"], **row["environment"]}
    if {"depends_on"} & under.keys() & row.keys():
        merged["depends_on"] = {**_conditions(under["depends_on"]), **_conditions(row["depends_on"])}
    if {"volumes"} & under.keys() & row.keys():
        places = {volume.split(":")[1]: volume for volume in (*under["volumes"], *row["volumes"])}
        merged["volumes"] = list(places.values())
    return merged


def _conditions(said: dict[str, Any] | list[str]) -> dict[str, Any]:
    return said if isinstance(said, dict) else {name: {"condition": "service_started"} for name in said}


@dataclass
class Composed:
    """The engines of a composition. Names and ports of its network stand for ports of this machine."""

    folder: Path
    services: Services
    _ports: dict[tuple[str, int], int] = field(default_factory=dict)
    _free: list[int] = field(default_factory=lambda: ports.find_free(20))

    def environment(self, service: str) -> dict[str, str]:
        """Return a service's variables with secrets, addresses and paths of this machine."""
        return {name: self.place(str(value), service) for name, value in self.services[service]["environment"].items()}

    def place(self, value: str, service: str) -> str:
        """Put secrets, addresses and paths of this machine into what is said to a service."""

        def address(found: re.Match[str]) -> str:
            return f"localhost:{self.port(found[1] if found[1] in self.services else service, int(found[2]))}"

        value = re.sub(r"\$\{(\w+):\?\}", lambda found: f"secret-of-{found[1].lower()}", value)
        value = re.sub(r"([a-z0-9-]*):(27017|909[2-5])\b", address, value)
        kind = service.split("-")[0]
        return value.replace("/run/ca/", f"{self.folder}/ca/").replace("/run/tls/", f"{self.folder}/{kind}/")

    def port(self, service: str, number: int) -> int:
        """Return the port of this machine that stands for this one of a container."""
        if (service, number) not in self._ports:
            self._ports[service, number] = self._free.pop()
        return self._ports[service, number]

    def names(self, image: str) -> list[str]:
        """Return the services that run an image, the first one first."""
        return [name for name, row in self.services.items() if row["image"].startswith(image)]

    def client(self, service: str, **options: Any) -> MongoClient[dict[str, Any]]:
        """Return a client of one MongoDB server alone."""
        if options.get("tls"):
            options["tlsCAFile"] = str(self.folder / "ca" / "ca.pem")
        port = self.port(service, 27017)
        return MongoClient("localhost", port, directConnection=True, serverSelectionTimeoutMS=1000, **options)


@contextmanager
def running(folder: Path, files: tuple[str, ...]) -> Iterator[Composed]:
    """Run MongoDB and Kafka of a composition with its files, users and rights made as its one-shot services make them."""
    ours = Composed(folder, services(files))
    secure.make_files(folder, owned=False)
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        parts = [_mongo(ours, name) for name in ours.names("mongo:")] + _brokers(ours)
        for part in parts:
            stack.callback(part.stop)
        list(pool.map(_start, parts))
        for _ in range(2):  # they run at every start
            _make_users(ours)
            rights.give(settings.load(KafkaSettings, ours.environment("kafka-rights")), secure.topic_rights())
        yield ours


def _start(part: Running) -> None:
    part.part.prepare()
    part.start()
    part.await_health()


def _mongo(ours: Composed, name: str) -> Running:
    data = ours.folder / f"{name}-data"
    plain = (
        *(str(programs.mongod()), "--dbpath", str(data), "--port", str(ours.port(name, 27017))),
        *("--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"),
    )
    said = [ours.place(word, name) for word in ours.services[name]["command"][1:] if word != "--bind_ip_all"]

    def prepare() -> None:
        data.mkdir()
        _make_administrator(ours, name, Part(name, plain, lambda: _answers(ours, name, tls=False), within=60))

    row = Part(name, (*plain, *said), lambda: _answers(ours, name, tls=True), prepare=prepare, within=60)
    return Running(row, ours.folder / f"{name}.log")


def _make_administrator(ours: Composed, service: str, plain: Part) -> None:
    """As the image does at its first start, where it is told an administrator."""
    said = ours.environment(service)
    name, password = said["MONGO_INITDB_ROOT_USERNAME"], said["MONGO_INITDB_ROOT_PASSWORD"]
    if name and password:
        part = Running(plain, ours.folder / f"{service}.log")
        part.start()
        part.await_health()
        with ours.client(service) as client:
            client.admin.command("createUser", name, pwd=password, roles=["root"])
        part.stop()


def _answers(ours: Composed, service: str, *, tls: bool) -> bool:
    try:
        with ours.client(service, tls=tls) as client:
            return bool(client.admin.command("hello")["ok"])
    except PyMongoError:
        return False


def _make_users(ours: Composed) -> None:
    said = ours.environment("mongo-users")
    passwords = {user: said[f"CLUSTERSKILLS_MONGO_PASSWORD_{user.upper()}"] for user in secure.USERS}
    secure.make_users(said["CLUSTERSKILLS_MONGO_ADMIN_URL"], passwords)


def _brokers(ours: Composed) -> list[Running]:
    names = ours.names("apache/kafka")
    cluster = [
        kafka.Broker(number, ours.port(name, 9092), ours.port(name, 9093), ours.folder / f"{name}-data")
        for number, name in enumerate(names, start=1)
    ]
    rows = kafka.parts(cluster, print)
    return [_broker(ours, name, at, cluster, row) for name, at, row in zip(names, cluster, rows, strict=True)]


def _broker(ours: Composed, name: str, at: kafka.Broker, cluster: list[kafka.Broker], row: Part) -> Running:
    said = {
        variable.removeprefix("KAFKA_").lower().replace("_", "."): value.replace(
            "/var/lib/kafka/data", f"{at.folder}/data"
        )
        for variable, value in ours.environment(name).items()
    }

    def prepare() -> None:
        at.folder.mkdir(parents=True)
        (at.folder / "server.properties").write_text("".join(f"{key}={value}\n" for key, value in said.items()))
        kafka._format(at, cluster, kafka.class_path(print))

    inner = ours.port(name, 9094)
    row = replace(row, name=name, prepare=prepare, healthy=lambda: kafka._knows_itself(inner))
    return Running(row, ours.folder / f"{name}.log")
