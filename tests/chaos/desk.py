"""The enrolment service as it runs: API processes and a worker to kill and freeze, and clients whose history is judged."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.local import ports, processes
from deploy.local import services as parts
from deploy.local.engines import Engines
from deploy.local.part import Part, Running
from services.enrolment_service.manifest import MANIFEST
from services.enrolment_service.store import SERVICE, seats
from shared.clock import utc_now
from shared.wiring.runtime import Runtime
from tests.chaos.arena import wait_for
from tests.chaos.checker import Verdict
from tests.chaos.history import Case, Recorder, at_rest
from tests.chaos.players import Place, Players
from tests.chaos.story import judged
from tests.enrolment_service.conftest import HOME, Service
from tests.tokens import TestIssuer

ROUND: Final = 2_000
_TRY_SECONDS: Final = 5.0
_REST_SECONDS: Final = 180.0
_ENROLMENT: Final = MANIFEST
_SCOPES: Final = ("enrolment:read", "enrolment:write", "enrolment:approve", "catalog:write")


class Desk:
    """API processes on one database, a worker if asked for, and the same service in this process to open sessions."""

    def __init__(self, mongo: str, kafka: str, folder: Path, issuer: TestIssuer, *, apis: int, worker: bool) -> None:
        self.issuer = issuer
        self.recorder = Recorder()
        self._environment = _environment(mongo, kafka, issuer)
        rows = _parts(self._environment, folder, apis)
        self.apis = [Running(api, folder / "logs" / f"api-{number}.log") for number, (api, _) in enumerate(rows)]
        self.worker = Running(rows[0][1], folder / "logs" / "worker.log") if worker else None
        self._ports = [api.ports["enrolment-api"] for api, _ in rows]
        self._turn = itertools.count()
        self._connections = threading.local()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._environment.items():
                patch.setenv(name, value)
            runtime = Runtime(SERVICE)
        self.service = Service(None, runtime, issuer)
        runtime.ensure_indexes({})

    def start(self) -> None:
        """Start all processes; returns when they are well."""
        for running in self._processes():
            running.part.prepare()
            running.start()
        for running in self._processes():
            running.await_health()

    def close(self) -> None:
        """End all processes and drop the database."""
        for running in self._processes():
            running.kill()
        self.service.runtime.client.drop_database(self.service.runtime.database.name)
        self.service.runtime.close()

    def players(self) -> Players:
        """Clients that turn to the processes one after the other, and to the next one when there is no answer."""
        token = {"Authorization": f"Bearer {self.issuer.token(scopes=_SCOPES, cluster_id=HOME, lifetime=86_400)}"}
        return Players(self._send, lambda: token, self.recorder)

    def verdict(self, places: Sequence[Place]) -> Verdict:
        """The verdict on everything that was recorded, when the desk is at rest."""
        database = self.service.runtime.database
        return judged(database, at_rest(database, [place.case for place in places], self.recorder))

    def _processes(self) -> list[Running]:
        return [*self.apis, *([self.worker] if self.worker else [])]

    def _send(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> tuple[int, Any]:
        port = self._ports[next(self._turn) % len(self._ports)]
        known: dict[int, http.client.HTTPConnection] = vars(self._connections).setdefault("by_port", {})
        connection = known.pop(port, None) or http.client.HTTPConnection("127.0.0.1", port, timeout=_TRY_SECONDS)
        content = {} if body is None else {"Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {**headers, **content})
            answer = connection.getresponse()
            read = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise OSError(str(error)) from error
        known[port] = connection
        return answer.status, json.loads(read)


def open_places(service: Service, *, hot: int, cold: int) -> list[Place]:
    """Sessions that many want to be in, and others for few; every other one asks for approval."""
    return [_opened(service, hot=number < hot, approval=bool(number % 2)) for number in range(hot + cold)]


def _opened(service: Service, *, hot: bool, approval: bool) -> Place:
    if hot:
        return open_place(service, capacity=6, limit=8, people=40, approval=approval, share=4.0)
    return open_place(service, capacity=2, limit=2, people=6, approval=approval)


def open_place(
    service: Service, *, capacity: int, limit: int, people: int, approval: bool = False, share: float = 1.0
) -> Place:
    """One session and so many people who want to be in it."""
    terms = {"capacity": capacity, "waitlist_limit": limit, "approval_needed": approval}
    session = service.session(cluster_id=HOME, starts_at=None, ends_at=None, **terms)
    age = seats.CLAIM_AGE.total_seconds()
    case = Case(session=session, capacity=capacity, waitlist_limit=limit, approval=approval, swept_after=age)
    return Place(case, service.people(people), share)


@contextmanager
def queues_move(service: Service) -> Iterator[None]:
    """The timers of a worker in this process, in quick turns, for as long as the block lasts; then all comes to rest."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.05):
            service.tick()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join()
    _come_to_rest(service)


def _come_to_rest(service: Service) -> None:
    """Nothing is under way any more: what is left of claims may be swept at once, and the queues move."""
    old = {"$set": {"claims.$[].at": utc_now() - 2 * seats.CLAIM_AGE}}
    for _ in range(10):
        service.runtime.database["seats"].update_many({"claims.0": {"$exists": True}}, old)
        service.tick()
        if is_at_rest(service):
            return


def is_at_rest(service: Service) -> bool:
    """Whether no claim is left and no queue is to move."""
    moving = {"$or": [{"needs_care": True}, {"claims.0": {"$exists": True}}]}
    return service.runtime.database["seats"].find_one(moving) is None


@contextmanager
def desk(mongo: str, kafka: str, folder: Path, *, apis: int = 2, worker: bool = False) -> Iterator[Desk]:
    """The processes for as long as the block lasts."""
    with TestIssuer() as issuer:
        made = Desk(mongo, kafka, folder, issuer, apis=apis, worker=worker)
        try:
            made.start()
            yield made
        finally:
            made.close()


@dataclass(frozen=True, slots=True)
class Hurt:
    """What was asked of the desk, what was done to it meanwhile, and the verdict."""

    recorder: Recorder
    faults: Mapping[str, int]
    verdict: Verdict

    def __str__(self) -> str:
        """The figures."""
        faults = ", ".join(f"{fault} {count}" for fault, count in sorted(self.faults.items()))
        return f"{self.recorder}\n{sum(self.faults.values())} faults: {faults}"


def seat_desk_is_hurt(engines: Engines, operations: int, seconds: float) -> Hurt:
    """Processes and MongoDB are killed and frozen while people apply, decide, cancel, and capacities change.

    So many operations, or as many rounds as begin within these seconds.
    """
    hurting, over, faults = threading.Lock(), threading.Event(), Counter[str]()
    until = time.monotonic() + seconds
    with desk(engines.mongo_url, engines.kafka_bootstrap, engines.folder / "desk", worker=True) as made:
        attacker = threading.Thread(target=_hurt, args=(engines, made, hurting, over, faults), daemon=True)
        attacker.start()
        places: list[Place] = []
        players = made.players()
        while len(made.recorder) < operations and time.monotonic() < until:
            with hurting:
                here = open_places(made.service, hot=2, cold=8)
            players.play(here, min(ROUND, operations - len(made.recorder)), seed=random.getrandbits(64))
            places += here
        over.set()
        attacker.join(60)
        wait_for(lambda: is_at_rest(made.service), _REST_SECONDS, every=0.5)
        return Hurt(made.recorder, faults, made.verdict(places))


def _hurt(engines: Engines, made: Desk, hurting: threading.Lock, over: threading.Event, done: Counter[str]) -> None:
    """One fault after the other, each mended before the next."""
    assert made.worker is not None
    faults: list[tuple[str, Callable[[], None]]] = [
        *(("api killed", partial(_restart, api)) for api in made.apis),
        *(("api frozen", partial(_freeze, api)) for api in made.apis),
        ("worker killed", partial(_restart, made.worker)),
        ("worker frozen", partial(_freeze, made.worker)),
        ("mongod killed", partial(_restart_engine, engines, "mongo")),
        ("mongod frozen", partial(_freeze_engine, engines, "mongo")),
    ]
    while not over.wait(random.uniform(1.0, 4.0)):
        name, hurt = random.choice(faults)
        with hurting:
            hurt()
        done[name] += 1


def _restart(running: Running) -> None:
    running.kill()
    running.part.prepare()
    running.start()
    running.await_health()


def _freeze(running: Running) -> None:
    assert running.identity is not None
    frozen = processes.session(running.identity)
    for process in frozen:
        process.suspend()
    time.sleep(random.uniform(0.5, 12.0))
    for process in frozen:
        process.resume()


def _restart_engine(engines: Engines, name: str) -> None:
    engines.kill(name)
    time.sleep(random.uniform(0.0, 1.0))
    engines.restart(name)


def _freeze_engine(engines: Engines, name: str) -> None:
    engines.freeze(name)
    time.sleep(random.uniform(0.3, 4.0))
    engines.thaw(name)


def _parts(environment: Mapping[str, str], folder: Path, count: int) -> list[list[Part]]:
    """An API and a worker each, with ports of their own."""
    names = parts.port_names(_ENROLMENT)
    free = iter(ports.find_free(count * len(names)))
    made = []
    for number in range(count):
        scratch = folder / f"api-{number}"
        scratch.mkdir(parents=True, exist_ok=True)
        given = parts.Surroundings({name: next(free) for name in names}, environment, (), scratch)
        made.append(parts.parts(_ENROLMENT, given))
    return made


def _environment(mongo: str, kafka: str, issuer: TestIssuer) -> dict[str, str]:
    return {
        "CLUSTERSKILLS_MONGO_URL": mongo,
        "CLUSTERSKILLS_KAFKA_BOOTSTRAP": kafka,
        "CLUSTERSKILLS_DATABASE_PREFIX": f"desk{uuid.uuid4().hex[:10]}_",
        "CLUSTERSKILLS_PUBLIC_URL": "http://localhost",
        "CLUSTERSKILLS_CURSOR_SECRET": "cursor-secret-of-a-test",
        "CLUSTERSKILLS_EXTERNAL_REF_SECRET": "reference-secret-of-a-test",
        **issuer.environment(),
    }
