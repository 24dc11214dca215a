"""A service's worker process: relay, consumers and timers, each in a thread, until SIGTERM."""

import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from pymongo.errors import PyMongoError

from shared import metrics
from shared.bus.consumer import Consumer
from shared.bus.generations import Generations
from shared.bus.held import AWAITING, DEAD, counts_of_all
from shared.bus.inbox import Inbox, Subscription
from shared.bus.kafka import KafkaSettings
from shared.bus.progress import Progress, Pulse, places
from shared.bus.publisher import KafkaPublisher
from shared.bus.read_model import ReadModel
from shared.bus.rebuild import Note, group_name, rebuild
from shared.bus.timers import Leased, Timer
from shared.errors import Conflict, Unavailable
from shared.logs import get_logger
from shared.storage.lease import Lease
from shared.storage.mongo import Document, Mongo, MongoDatabase
from shared.storage.places import Places
from shared.storage.relay import Relay

log = get_logger(__name__)

GRACE_SECONDS = 6.0
_LOOK_SECONDS = 0.5
_TURN_SECONDS, _TIMER_SECONDS = 120.0, 300.0
"""How long a thread may work without a sign of life: longer than all time limits inside one turn together."""
_PATIENT_SECONDS = 2.0
_RENEW_SECONDS = 5.0
PROGRESS = "consumer_progress"
FRESH_SECONDS = 30.0
"""What depends on consents and employments is not shown when their events are older than this."""


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
    runs: Mapping[str, Callable[[threading.Event, Pulse], None]] = field(default_factory=dict)
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
            recognised=self.kafka.recognised,
            passes_discarded=generation > 1,  # what the rebuild left to the end, this one reads
        )

    def rebuild(self, name: str, *, anew: bool = False, reached: Note = lambda _step: None) -> int:
        """Build a read model anew; see `shared.bus.rebuild`. KeyError when there is none of this name."""
        model = {model.consumer: model for model in self.read_models}[name]
        subscription = next(one for one in self.subscriptions if one.name == name)
        parts = (self.client, self.database, self.kafka, self.source, subscription, model, self.ensure_indexes)
        return rebuild(*parts, anew=anew, reached=reached)


class Worker:
    """Runs a plan. Each thread survives the loss of MongoDB and Kafka; `run` returns after SIGTERM or SIGINT."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stop = threading.Event()
        self._generations = plan.generations()
        self._consumers: dict[str, Consumer] = {}
        self.progress = Progress()
        self.relay = Relay(
            plan.client,
            plan.database,
            KafkaPublisher(plan.kafka, Places(plan.database)),
            stamp=plan.stamp,
            recognised=plan.kafka.recognised,
        )

    def run(self) -> None:
        """Work until a signal says stop, then finish what is under way within `GRACE_SECONDS`.

        A thread that died or hangs ends the process, too: SystemExit says which. Whoever started us starts us anew.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        threads = self.start()
        trouble = self._watch(threads)
        log.info("worker_stops")
        self._stop.set()
        asked = time.monotonic()
        _join(threads, asked + _PATIENT_SECONDS)
        self.relay.hurry()
        _join(threads, asked + GRACE_SECONDS)
        log.info("worker_stopped", unfinished=[thread.name for thread in threads if thread.is_alive()])
        if trouble:
            raise SystemExit(f"The worker ended itself: {trouble}.")

    def start(self) -> list[threading.Thread]:
        """Start all threads (daemons: a hanging client cannot keep the process)."""
        jobs: list[tuple[str, float, Callable[[Pulse], None]]] = [("relay", _TURN_SECONDS, self._relay)]
        jobs += [(f"consumer-{s.name}", _TURN_SECONDS, partial(self._consume, s)) for s in self._plan.subscriptions]
        jobs += [(f"timer-{t.name}", _TIMER_SECONDS, partial(self._time, t)) for t in self._plan.timers]
        jobs += [(name, _TIMER_SECONDS, partial(run, self._stop)) for name, run in self._plan.runs.items()]
        if self._plan.read_models:
            jobs.append(("rebuilds", _TURN_SECONDS, self._keep_up))
        jobs.append(("gauges", _TURN_SECONDS, self._gauge))
        threads = [self._thread(*job) for job in jobs]
        log.info("worker_started", service=self._plan.service, threads=[thread.name for thread in threads])
        return threads

    def _thread(self, name: str, limit: float, job: Callable[[Pulse], None]) -> threading.Thread:
        pulse = self.progress.pulse(name, limit)
        thread = threading.Thread(target=job, args=(pulse,), name=name, daemon=True)
        thread.start()
        return thread

    def _relay(self, pulse: Pulse) -> None:
        self.relay.run(self._stop, pulse.beat)

    def trouble(self) -> str | None:
        """What keeps this process from its work for good, if anything: for the liveness route."""
        return self.progress.trouble

    def _watch(self, threads: Sequence[threading.Thread]) -> str | None:
        """Until somebody says stop (None), or a thread died or hangs: then which."""
        looked = time.monotonic()
        while not self._stop.wait(_LOOK_SECONDS):
            now = time.monotonic()
            trouble = self.progress.look(threads, now - looked)
            if trouble and not self._stop.is_set():
                log.error("worker_gives_up", reason=trouble, threads=places(threads))
                return trouble
            looked = now
        return None

    def stop(self) -> None:
        """Ask all threads to finish."""
        self._stop.set()

    def _consume(self, subscription: Subscription, pulse: Pulse) -> None:
        """Consume for the present generation; when another one takes over, for that."""
        while not self._stop.is_set():
            pulse.beat()
            try:
                if self._is_newer(subscription.name):
                    pulse.rest()
                    self._stop.wait(_PATIENT_SECONDS)
                    continue
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
                alive=pulse.beat,
            )
            self._consumers[subscription.name] = consumer
            consumer.run(self._stop)

    def _is_newer(self, consumer: str) -> bool:
        """Whether a newer version of ours built the read model: then an older one like us has no business there."""
        mine = next((model.version for model in self._plan.read_models if model.consumer == consumer), None)
        return mine is not None and self._generations.version(consumer) > mine

    def _keep_up(self, pulse: Pulse) -> None:
        """Build anew what an older version built."""
        while not self._stop.is_set():
            pulse.beat()
            for model in self._plan.read_models:
                self._renew(model, pulse)
            pulse.rest()
            self._stop.wait(_RENEW_SECONDS)

    def _renew(self, model: ReadModel, pulse: Pulse) -> None:
        def reached(_step: str) -> None:
            pulse.beat()
            if self._stop.is_set():
                raise Conflict("The worker stops; whoever comes next goes on here.")

        try:
            if self._generations.version(model.consumer) < model.version:
                log.info("read_model_is_outdated", consumer=model.consumer, version=model.version)
                self._plan.rebuild(model.consumer, reached=reached)
        except (PyMongoError, Conflict, TimeoutError) as error:
            log.warning("rebuild_waits", consumer=model.consumer, reason=str(error) or type(error).__name__)

    def _time(self, timer: Timer, pulse: Pulse) -> None:
        leased = Leased(timer, self._plan.database)
        while not self._stop.wait(timer.seconds):
            pulse.beat()
            leased.take()
            pulse.rest()
        leased.end()

    def _gauge(self, pulse: Pulse) -> None:
        while not self._stop.wait(2.0):
            pulse.beat()
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
            note_progress(self._plan.database, name, consumer.lag, dict(consumer.caught_up))
        held = counts_of_all(self._plan.database)
        metrics.AWAITING.set(held[AWAITING])
        metrics.DEAD_LETTERS.set(held[DEAD])


def note_progress(
    database: MongoDatabase, consumer: str, lag: int | None, caught_up: Mapping[tuple[str, int], float]
) -> None:
    """Say how far one process's consumer is: for each partition of its topics the epoch seconds of `caught_up`.

    The consumer has caught up with a moment when each partition has, whichever process has it. What was once true
    stays so: a process that has just begun and knows nothing takes nothing back.
    """
    fields = {f"partitions.{topic}-{number}": at for (topic, number), at in caught_up.items()}
    moments = {name: datetime.fromtimestamp(at, UTC) for name, at in fields.items()}
    kept = {name: {"$max": [f"${name}", moment]} for name, moment in moments.items()}
    slowest = {"$min": [f"${name}" for name in moments]}
    known = {"$cond": [{"$gt": [slowest, datetime.fromtimestamp(0, UTC)]}, slowest, None]}
    progress: list[Document] = [
        {"$set": {**kept, "lag": lag}},
        {"$set": {"caught_up_at": {"$max": ["$caught_up_at", known]}}},
    ]
    database[PROGRESS].update_one({"_id": consumer}, progress, upsert=True)


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
