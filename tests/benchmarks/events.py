"""relay, consume and event latency, with bare find + send + mark and bare inbox insert + effect beside them."""

import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from kafka import KafkaConsumer, KafkaProducer
from kafka.structs import TopicPartition
from pymongo import InsertOne

from shared.bus.consumer import Consumer
from shared.bus.held import Incoming
from shared.bus.inbox import Inbox, Subscription
from shared.bus.kafka import KafkaSettings, ensure_topics
from shared.bus.publisher import KafkaPublisher
from shared.clock import new_id, utc_now
from shared.schemas.codec import encode_data, headers
from shared.schemas.enrolment import EnrolmentConfirmed
from shared.schemas.event import Event, event_id
from shared.storage.mongo import TRANSACTION, MongoDatabase
from shared.storage.outbox import INDEXES
from shared.storage.places import Places
from shared.storage.relay import Relay
from shared.storage.work import UnitOfWork
from tests.benchmarks.enrolling import CLIENTS, PATH
from tests.benchmarks.load import post_all
from tests.benchmarks.result import Result, result
from tests.benchmarks.world import CLUSTER, World, applications, open_sessions, register_people

COUNT = 20_000
BATCH = 500


def _event_type() -> type[Event]:
    """A new event type, and so a topic of its own; as large as a real enrolment event."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Measured(Event):
        TYPE: ClassVar[str] = f"bench{uuid.uuid4().hex[:10]}.measured.v1"
        KEY: ClassVar[str] = "enrolment_id"
        enrolment_id: str
        session_id: str
        course_id: str
        person_id: str
        cluster_id: str
        confirmed_at: str

    return Measured


def relay(world: World, count: int = COUNT) -> list[Result]:
    """Events per second from a full outbox to the broker."""
    with _database(world) as database:
        raw = _raw_relay(world, database, _fill(database, count))
        _fill(database, count)
        ours = Relay(world.mongo, database, KafkaPublisher(world.kafka, Places(database)))
        ours.step()  # opens the producer and the topic
        done = ours.sent
        begun = time.perf_counter()
        while ours.step():
            pass
        rate = (ours.sent - done) / (time.perf_counter() - begun)
        ours._publisher.close()
    conditions = f"{count} events, batches of 1,000, one process"
    return [result("relay", rate, "1/s", conditions, raw=raw, target=">= 60 % of raw")]


def consume(world: World, count: int = COUNT) -> list[Result]:
    """Events per second from the topic to an effect with its inbox row."""
    with _database(world) as database:
        kind = _fill(database, count)
        sender = Relay(world.mongo, database, KafkaPublisher(world.kafka, Places(database)))
        while sender.step():
            pass
        sender._publisher.close()
        raw = _raw_consume(world, database, kind, count)
        rate = _our_consume(world, database, kind, count)
    conditions = f"{count} events, batches of up to {BATCH}, one effect document each, one process"
    return [result("consume", rate, "1/s", conditions, raw=raw, target=">= 60 % of raw")]


def latency(world: World, per_second: float, seconds: float = 20.0) -> list[Result]:
    """From the commit to the committed effect in another process's consumer, at half of the full load."""
    began = world.mongo.admin.command("ping")["operationTime"]
    with _database(world) as database:
        applied: dict[str, float] = {}
        stop = threading.Event()
        watching = threading.Thread(target=_watch, args=(world, database, applied, stop))
        watching.start()
        time.sleep(3.0)
        _paced(world, per_second, seconds)
        time.sleep(2.0)
        stop.set()
        watching.join()
    committed = _commit_times(world, began)
    ordered = sorted(moment - committed[event] for event, moment in applied.items())
    conditions = f"{len(ordered)} confirmations at {per_second:.0f} enrolments/s by HTTP, {seconds:.0f} s"
    return [
        result("event_latency_p50", ordered[len(ordered) // 2] * 1000, "ms", conditions, target="<= 25"),
        result("event_latency_p99", ordered[int(len(ordered) * 0.99)] * 1000, "ms", conditions, target="<= 150"),
    ]


class _Timed(Inbox):
    """An inbox that notes when the effect of each confirmation was committed (seconds since 1970, by event)."""

    def __init__(self, applied: dict[str, float], *arguments: Any) -> None:
        super().__init__(*arguments)
        self._applied = applied

    def take(self, records: Sequence[Incoming]) -> None:
        super().take(records)
        now = time.time()
        for record in records:
            attributes = dict(record.headers)
            if attributes["ce_type"] == EnrolmentConfirmed.TYPE.encode():
                self._applied[attributes["ce_id"].decode()] = now


def _commit_times(world: World, since: Any) -> dict[str, float]:
    """When mongod committed each event's outbox row (seconds since 1970), read from its oplog afterwards."""
    pipeline: list[dict[str, Any]] = [
        {"$match": {"operationType": "insert"}},
        {"$project": {"documentKey": 1, "wallTime": 1}},
    ]
    found: dict[str, float] = {}
    with world.enrolments["outbox"].watch(pipeline, start_at_operation_time=since) as changes:
        while change := changes.try_next():
            found[change["documentKey"]["_id"]] = change["wallTime"].timestamp()
    return found


def _watch(world: World, database: MongoDatabase, applied: dict[str, float], stop: threading.Event) -> None:
    """Consume confirmations as another service would: inbox row and effect in one transaction."""
    subscription = Subscription(name="bench", handlers={EnrolmentConfirmed: _keep})
    inbox = _Timed(applied, world.mongo, database, "/bench", subscription)
    group = f"bench-{uuid.uuid4().hex}"
    consumer = Consumer(world.kafka, group, ["enrolment"], inbox)
    _skip_to_end(world.kafka, group)
    consumer.run(stop)


def _paced(world: World, per_second: float, seconds: float) -> None:
    """Enrolments by HTTP at a steady pace: a burst of CLIENTS / 4 connections each tenth of a second."""
    database = world.enrolments
    sessions = open_sessions(database, 200, 1_000_000)
    count = int(per_second * seconds)
    bodies = applications(sessions, register_people(database, count))
    token = {"Authorization": f"Bearer {world.token()}"}
    share = max(1, int(per_second / 10))
    begun = time.perf_counter()
    for number, start in enumerate(range(0, count, share)):
        time.sleep(max(0.0, begun + number / 10 - time.perf_counter()))
        post_all(world.facts["url"], PATH, bodies[start : start + share], token, min(share, CLIENTS // 8))


def _keep(event: Any, work: UnitOfWork) -> None:
    work.save("effects", {"_id": event.enrolment_id, "cluster_id": event.cluster_id})


def _fill(database: MongoDatabase, count: int) -> type[Event]:
    kind, now = _event_type(), utc_now()
    topic = kind.TYPE.split(".", maxsplit=1)[0]
    for start in range(0, count, 5_000):
        rows = []
        for _ in range(min(5_000, count - start)):
            key = new_id()
            event: Any = kind(  # type: ignore[call-arg]
                enrolment_id=key,
                session_id=new_id(),
                course_id=new_id(),
                person_id=new_id(),
                cluster_id=CLUSTER,
                confirmed_at=now.isoformat(),
            )
            rows.append(
                {
                    "_id": event_id(topic, key, 1),
                    "topic": topic,
                    "key": key,
                    "sequence": 1,
                    "type": kind.TYPE,
                    "source": "/bench",
                    "time": now,
                    "data": encode_data(event),
                    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                    "sent": False,
                }
            )
        database["outbox"].insert_many(rows)
    return kind


def _raw_relay(world: World, database: MongoDatabase, kind: type[Event]) -> float:
    """Bare find + send + mark, in the same batches."""
    ensure_topics(world.kafka, [kind.TYPE.split(".", maxsplit=1)[0]])
    producer = KafkaProducer(
        **world.kafka.client(), acks="all", enable_idempotence=True, linger_ms=1, batch_size=131_072
    )
    outbox, sent = database["outbox"], 0
    begun = time.perf_counter()
    while rows := list(outbox.find({"sent": False}).limit(1_000)):
        for row in rows:
            attributes = headers(
                event_id=row["_id"],
                event_type=row["type"],
                source=row["source"],
                key=row["key"],
                sequence=row["sequence"],
                time=row["time"],
                traceparent=row["traceparent"],
            )
            producer.send(row["topic"], key=row["key"].encode(), value=row["data"], headers=attributes)
        producer.flush()
        outbox.update_many({"_id": {"$in": [row["_id"] for row in rows]}}, {"$set": {"sent": True}})
        sent += len(rows)
    rate = sent / (time.perf_counter() - begun)
    producer.close()
    return rate


def _raw_consume(world: World, database: MongoDatabase, kind: type[Event], count: int) -> float:
    """Bare batched inbox insert + effect: poll, two bulk inserts in a transaction, commit."""
    consumer = _raw_consumer(world, kind)
    done, begun = 0, 0.0
    while done < count:
        records = [r for part in consumer.poll(timeout_ms=1_000, max_records=BATCH).values() for r in part]
        begun = begun or time.perf_counter()
        inbox = [InsertOne({"_id": f"raw/{dict(r.headers)['ce_id'].decode()}"}) for r in records]
        effects = [InsertOne(_effect(r)) for r in records]

        def body(session: Any, inbox: Any = inbox, effects: Any = effects) -> None:
            database["inbox"].bulk_write(inbox, session=session)
            database["raw_effects"].bulk_write(effects, session=session)

        if records:
            with world.mongo.start_session() as session:
                session.with_transaction(body, **TRANSACTION)
            consumer.commit()
        done += len(records)
    rate = count / (time.perf_counter() - begun)
    consumer.close()
    return rate


def _our_consume(world: World, database: MongoDatabase, kind: type[Event], count: int) -> float:
    inbox = Inbox(world.mongo, database, "/bench", Subscription(name="bench", handlers={kind: _keep}))
    topic = kind.TYPE.split(".", maxsplit=1)[0]
    consumer = Consumer(world.kafka, f"bench-{uuid.uuid4().hex}", [topic], inbox)
    while not inbox.applied:
        consumer.turn()
    first, begun = inbox.applied, time.perf_counter()
    while inbox.applied < count:
        consumer.turn()
    rate = (count - first) / (time.perf_counter() - begun)
    consumer.close()
    return rate


def _effect(record: Any) -> dict[str, Any]:
    now = utc_now()
    return {
        "_id": record.key.decode(),
        "cluster_id": CLUSTER,
        "version": 1,
        "sequence": 0,
        "created_at": now,
        "updated_at": now,
    }


def _raw_consumer(world: World, kind: type[Event]) -> KafkaConsumer:
    consumer = KafkaConsumer(
        **world.kafka.client(),
        group_id=f"raw-{uuid.uuid4().hex}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=BATCH,
    )
    consumer.subscribe([kind.TYPE.split(".", maxsplit=1)[0]])
    return consumer


def _skip_to_end(settings: KafkaSettings, group: str) -> None:
    """Let a new group begin with what comes from now on."""
    consumer = KafkaConsumer(**settings.client(), group_id=group, enable_auto_commit=False)
    partitions = [TopicPartition("enrolment", p) for p in consumer.partitions_for_topic("enrolment") or ()]
    consumer.assign(partitions)
    consumer.seek_to_end(*partitions)
    for partition in partitions:
        consumer.position(partition)
    consumer.commit()
    consumer.close()


@contextmanager
def _database(world: World) -> Iterator[MongoDatabase]:
    """A database of its own, dropped at the end."""
    database: MongoDatabase = world.mongo[f"bench_{uuid.uuid4().hex[:10]}"]
    database["outbox"].create_indexes(INDEXES)
    for name in ("inbox", "effects", "raw_effects", "held_events", "held_keys"):
        database.create_collection(name)
    try:
        yield database
    finally:
        world.mongo.drop_database(database.name)
