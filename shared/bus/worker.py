"""A service's worker process: relay, consumers and timers, each in a thread, until SIGTERM."""

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pymongo.errors import PyMongoError

from shared import metrics
from shared.bus.consumer import Consumer
from shared.bus.generations import Generations, ReadModel
from shared.bus.inbox import Inbox, Subscription
from shared.bus.kafka import KafkaPublisher, KafkaSettings
from shared.bus.rebuild import group_name
from shared.errors import ServiceError, Unavailable
from shared.logs import get_logger
from shared.storage.lease import Lease
from shared.storage.mongo import Mongo, MongoDatabase
from shared.storage.relay import Relay

log = get_logger(__name__)

GRACE_SECONDS = 6.0
_PATIENT_SECONDS = 2.0
PROGRESS = "consumer_progress"
FRESH_SECONDS = 30.0
"""What depends on consents and employments is not shown when their events are older than this."""


@dataclass(frozen=True, slots=True)
class Timer:
    """Something that is due every so often. `action` does what is due now and returns how much that was."""

    name: str
    seconds: float
    action: Callable[[], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the worker of one service does."""

    service: str
    client: Mongo
    database: MongoDatabase
    kafka: KafkaSettings
    subscriptions: Sequence[Subscription] = ()
    read_models: Sequence[ReadModel] = ()
    timers: Sequence[Timer] = ()
    stamp: Callable[[Lease], int] | None = None
    runs: Mapping[str, Callable[[threading.Event], None]] = field(default_factory=dict)
    """What else runs until it is told to stop, by the name of its thread."""
    ensure_indexes: Callable[[Mapping[str, str]], None] = field(default=lambda _aliases: None)

    @property
    def source(self) -> str:
        """The CloudEvents source of what this service publishes."""
        return f"/{self.service}"

    def generations(self) -> Generations:
        """Which generation of each read model is in use."""
        return Generations(self.database, self.read_models)

    def inbox(self, subscription: Subscription, generation: int = 1) -> Inbox:
        """The inbox of one subscription, writing to the given generation of its read model."""
        generations = self.generations()
        own: dict[str, str] = {}
        for model in self.read_models:
            if model.consumer == subscription.name:
                own |= model.aliases(generation)
        return Inbox(
            self.client,
            self.database,
            self.source,
            subscription,
            generation=generation,
            aliases=lambda: {**generations.aliases(), **own},
        )


class Worker:
    """Runs a plan. Each thread survives the loss of MongoDB and Kafka; `run` returns after SIGTERM or SIGINT."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stop = threading.Event()
        self._generations = plan.generations()
        self._consumers: dict[str, Consumer] = {}
        self.relay = Relay(plan.client, plan.database, KafkaPublisher(plan.kafka), stamp=plan.stamp)

    def run(self) -> None:
        """Work until a signal says stop, then finish what is under way within `GRACE_SECONDS`."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        threads = self.start()
        while not self._stop.wait(0.5):
            pass
        log.info("worker_stops")
        asked = time.monotonic()
        _join(threads, asked + _PATIENT_SECONDS)
        self.relay.hurry()
        _join(threads, asked + GRACE_SECONDS)
        log.info("worker_stopped", unfinished=[thread.name for thread in threads if thread.is_alive()])

    def start(self) -> list[threading.Thread]:
        """Start all threads (daemons: a hanging client cannot keep the process)."""
        jobs: list[tuple[str, Callable[[], None]]] = [("relay", lambda: self.relay.run(self._stop))]
        jobs += [(f"consumer-{s.name}", lambda s=s: self._consume(s)) for s in self._plan.subscriptions]  # type: ignore[misc]
        jobs += [(f"timer-{t.name}", lambda t=t: self._time(t)) for t in self._plan.timers]  # type: ignore[misc]
        jobs += [(name, lambda run=run: run(self._stop)) for name, run in self._plan.runs.items()]  # type: ignore[misc]
        jobs.append(("gauges", self._gauge))
        threads = [threading.Thread(target=job, name=name, daemon=True) for name, job in jobs]
        for thread in threads:
            thread.start()
        log.info("worker_started", service=self._plan.service, threads=[thread.name for thread in threads])
        return threads

    def stop(self) -> None:
        """Ask all threads to finish."""
        self._stop.set()

    def _consume(self, subscription: Subscription) -> None:
        """Consume for the present generation; when another one takes over, for that."""
        while not self._stop.is_set():
            try:
                generation = self._generations.present(subscription.name)
                inbox = self._plan.inbox(subscription, generation)
            except PyMongoError as error:
                log.warning("consumer_waits_for_storage", consumer=subscription.name, error=type(error).__name__)
                self._stop.wait(0.5)
                continue
            consumer = Consumer(
                self._plan.kafka,
                group_name(self._plan.database, subscription.name, generation),
                subscription.topics,
                inbox,
                superseded=_Superseded(self._generations, subscription.name, generation),
            )
            self._consumers[subscription.name] = consumer
            consumer.run(self._stop)

    def _time(self, timer: Timer) -> None:
        while not self._stop.wait(timer.seconds):
            try:
                timer.action()
            except (PyMongoError, ServiceError) as error:
                log.warning("timer_failed", timer=timer.name, error=type(error).__name__)
            except Exception:
                log.exception("timer_failed", timer=timer.name)

    def _gauge(self) -> None:
        while not self._stop.wait(2.0):
            try:
                self._measure()
            except PyMongoError as error:
                log.warning("gauges_wait_for_storage", error=type(error).__name__)

    def _measure(self) -> None:
        count, age = self.relay.backlog()
        metrics.OUTBOX_WAITING.set(count)
        metrics.OUTBOX_OLDEST.set(age)
        for name, consumer in list(self._consumers.items()):
            if consumer.lag is not None:
                metrics.CONSUMER_LAG.labels(topic=name).set(consumer.lag)
            caught_up = datetime.fromtimestamp(consumer.caught_up_at, UTC) if consumer.caught_up_at else None
            progress = {"caught_up_at": caught_up, "lag": consumer.lag}
            self._plan.database[PROGRESS].update_one({"_id": name}, {"$set": progress}, upsert=True)
        held = {row["_id"]: row["n"] for row in self._plan.database["held_events"].aggregate(_BY_STATE)}
        metrics.AWAITING.set(held.get("awaiting", 0))
        metrics.DEAD_LETTERS.set(held.get("dead", 0))


def is_behind(database: MongoDatabase, now: datetime, seconds: float, consumer: str | None = None) -> bool:
    """Whether the consumer (None: any of them) last had all that the broker has longer ago than this, or never said."""
    heard = [row.get("caught_up_at") for row in database[PROGRESS].find({} if consumer is None else {"_id": consumer})]
    return not heard or any(moment is None or (now - moment).total_seconds() > seconds for moment in heard)


def require_fresh(database: MongoDatabase, consumer: str, now: datetime, seconds: float = FRESH_SECONDS) -> None:
    """Refuse (Unavailable, fail closed) what depends on other services' facts while their events lag.

    The worker says every two seconds when it last had everything that the broker has.
    """
    if is_behind(database, now, seconds, consumer):
        raise Unavailable(
            "Employments and consents are not up to date here; nothing is shown until they are.",
            retry_after=5,
            code="DIRECTORY_BEHIND",
        )


def _join(threads: Sequence[threading.Thread], until: float) -> None:
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


_BY_STATE = [{"$group": {"_id": "$state", "n": {"$sum": 1}}}]


class _Superseded:
    """Asks once a second whether another generation is in use."""

    def __init__(self, generations: Generations, consumer: str, mine: int) -> None:
        self._generations, self._consumer, self._mine = generations, consumer, mine
        self._asked_at = time.monotonic()

    def __call__(self) -> bool:
        if time.monotonic() - self._asked_at < 1.0:
            return False
        self._asked_at = time.monotonic()
        return self._generations.present(self._consumer) != self._mine
