"""One process of a service: reads the settings, opens the connections, builds the application or the worker."""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pymongo.errors import PyMongoError

from shared import collector
from shared.auth.verify import AuthSettings, TokenVerifier
from shared.bus import held, inbox
from shared.bus.generations import Generations
from shared.bus.inbox import Subscription
from shared.bus.kafka import KafkaSettings
from shared.bus.progress import Pulse
from shared.bus.read_model import ReadModel
from shared.bus.timers import Timer
from shared.bus.worker import Plan, Worker, is_behind
from shared.clock import Clock, Ids, made_at, new_id, utc_now
from shared.errors import NotYetKnown, ServiceError
from shared.health import Check
from shared.http import reads
from shared.http.app import Dialect, ServiceApp, make_app
from shared.http.door import Door
from shared.http.reads import PersonalReads
from shared.http.settings import HttpSettings
from shared.jobs import store as job_store
from shared.logs import get_logger
from shared.storage import idempotency, outbox
from shared.storage.group import GroupCommit, Resolver
from shared.storage.lease import Lease
from shared.storage.migrations import Indexes, Migration, MigrationFailed, ensure_indexes, migrate
from shared.storage.mongo import MongoSettings, connect, is_gone, is_outage, open_database, translate, within
from shared.storage.work import UnitOfWork
from shared.wiring import audit
from shared.wiring.manifest import Manifest
from shared.wiring.reading import first_settings, serve_metrics, settings_of
from shared.wiring.reads import reads_door

log = get_logger(__name__)

_KERNEL_INDEXES: Indexes = {
    outbox.COLLECTION: outbox.INDEXES,
    held.COLLECTION: held.INDEXES,
    idempotency.COLLECTION: idempotency.INDEXES,
    inbox.COLLECTION: inbox.INDEXES,
    "discarded_events": [],
    reads.COLLECTION: reads.INDEXES,
    audit.COLLECTION: audit.INDEXES,
    **job_store.INDEXES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What is special about a service's storage: its indexes, and what a refused unique index means.

    `migrations` bring an old database to where the index tables and the code expect it; new ones are added at the end.
    """

    manifest: Manifest
    indexes: Indexes = field(default_factory=dict)
    migrations: Sequence[Migration] = ()
    duplicates: Mapping[str, Callable[[], ServiceError]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the service is called: its database, its events' source, its part of the API."""
        return self.manifest.name

    @property
    def read_models(self) -> Sequence[ReadModel]:
        """What it builds from others' events alone."""
        return self.manifest.read_models


_LATEST_EVENT = timedelta(minutes=10)
"""An id younger than this may be one of an event that waits for a relay. While a broker is away, consumers lag."""
_LAG_SECONDS = 5.0
"""Consumers say every two seconds when they last had all that the broker has."""


class Runtime:
    """Settings and connections of one process of a service. Make it after the fork."""

    def __init__(self, service: Service, *, clock: Clock = utc_now, ids: Ids = new_id) -> None:
        self.service = service
        self.clock = clock
        self.ids = ids
        self.http_settings = first_settings(service.name, HttpSettings)
        mongo_settings = self.settings(MongoSettings)
        self.client = connect(mongo_settings.mongo_url)
        self.database = open_database(self.client, mongo_settings, service.name)
        self.personal_reads = PersonalReads(self.database, clock)
        self.generations = Generations(self.database, service.read_models)
        self._writes: GroupCommit | None = None
        self.closing = threading.Event()
        self._prepared = threading.Event()
        threading.Thread(target=self._prepare, name="migrations", daemon=True).start()

    settings = staticmethod(settings_of)

    def work(self) -> UnitOfWork:
        """A unit of work to read with."""
        return UnitOfWork(self.database, self.clock, f"/{self.service.name}", self.generations.aliases())

    def app(
        self,
        doors: Iterable[Door],
        *,
        resolvers: Mapping[type, Resolver] | None = None,
        apart: Mapping[type, Callable[[Any], Any]] | None = None,
        origins: Callable[[str | None, str], bool] | None = None,
        dialects: Mapping[str, Dialect] | None = None,
    ) -> ServiceApp:
        """The WSGI application with all writes by group commit, and the metrics port."""
        writes = GroupCommit(
            self.client,
            self.database,
            f"/{self.service.name}",
            clock=self.clock,
            resolvers=resolvers,
            apart=apart,
            aliases=self.generations.aliases,
            duplicates=self.service.duplicates,
            seconds=self.http_settings.request_seconds,
        )
        self._writes = writes
        serve_metrics()
        app = make_app(
            [*doors, reads_door(self.service.name, self.personal_reads)],
            service=self.service.name,
            verifier=TokenVerifier.of(self.settings(AuthSettings)),
            writes=writes,
            settings=self.http_settings,
            ready=self.checks,
            origins=origins,
            dialects=dialects,
            translate=translate,
            may_come=self.may_come,
            gone=lambda: is_gone(self.client),
            note=self.personal_reads.note,
        )
        app.extensions["runtime"] = self
        return app

    def may_come(self, missing: NotYetKnown) -> bool:
        """Whether the event of what nobody here knows may be on its way: its id is young, it is set aside, or our
        events lag. What was asked for by something else than its id tells only the last."""
        now = self.clock()
        made = None if missing.known else made_at(missing.key)  # the youth of what is known says nothing
        if made is not None and abs(now - made) < _LATEST_EVENT:
            return True
        try:
            with within(0.5):
                return is_behind(self.database, now, _LAG_SECONDS) or (missing.by_id and self._sets_aside(missing))
        except PyMongoError:
            return True

    def _sets_aside(self, missing: NotYetKnown) -> bool:
        its_own = {"aggregate": f"{missing.topic}/{missing.key}"}
        return self.database[held.COLLECTION].find_one(its_own, {"_id": 1}) is not None

    def close(self) -> None:
        """Finish the writes that wait and close the connections."""
        self.closing.set()
        self._prepared.set()
        if self._writes is not None:
            self._writes.close()
        self.client.close()

    def plan(
        self,
        subscriptions: Sequence[Subscription] = (),
        timers: Sequence[Timer] = (),
        stamp: Callable[[Lease], int] | None = None,
        runs: Mapping[str, Callable[[threading.Event, Pulse], None]] | None = None,
    ) -> Plan:
        """What the worker does: also what operations need to replay an event or rebuild a read model."""
        return Plan(
            service=self.service.name,
            client=self.client,
            database=self.database,
            kafka=self.settings(KafkaSettings),
            subscriptions=subscriptions,
            read_models=self.service.read_models,
            timers=timers,
            stamp=stamp,
            runs=runs or {},
            ensure_indexes=self.ensure_indexes,
        )

    def run_worker(self, plan: Plan) -> None:
        """Work until SIGTERM."""
        worker = Worker(plan)
        serve_metrics(worker.trouble)
        self.wait()
        collector.settle()
        worker.run()

    def wait(self) -> None:
        """Until the migrations are done, by whichever process."""
        self._prepared.wait()

    def checks(self) -> list[Check]:
        """What the readiness route reports."""
        if not self._prepared.is_set():
            return [Check("database", ok=False, detail="The migrations are not done yet.")]
        try:
            with within(1.0):
                self.client.admin.command("ping")
        except PyMongoError as error:
            return [Check("database", ok=False, detail=type(error).__name__)]
        return [Check("database", ok=True)]

    def ensure_indexes(self, aliases: Mapping[str, str]) -> None:
        """Create the indexes that are missing, in the collections of the given generation."""
        ensure_indexes(self.database, self._indexes, aliases)

    @property
    def _indexes(self) -> Indexes:
        return {**_KERNEL_INDEXES, **self.service.indexes}

    def _prepare(self) -> None:
        """Migrate as soon as MongoDB is there; until then the process is not ready. What waiting cannot mend ends it."""
        while not self._prepared.is_set():
            try:
                aliases = self.generations.aliases()
                migrate(self.database, self.service.migrations, self._indexes, aliases, self.closing)
                self._prepared.set()
            except (MigrationFailed, PyMongoError) as error:
                if self.closing.is_set():
                    return
                if not is_outage(error):
                    _end(str(error) if isinstance(error, MigrationFailed) else f"The database refuses: {error!r}")
                log.warning("migrations_wait_for_storage", error=type(error).__name__)
                self._prepared.wait(0.5)


def _end(sentence: str) -> None:
    """End this process from one of its threads; gunicorn's master ends with it, by the code for a failed boot."""
    log.critical("process_ends", reason=sentence)
    print(sentence, file=sys.stderr, flush=True)
    os._exit(_BOOT_FAILED)


_BOOT_FAILED = 3
"""gunicorn's WORKER_BOOT_ERROR: any other code would only make it start the next worker."""
