"""Apache Kafka: connection settings, topics, and the publisher that the relay uses."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError
from kafka.partitioner.default import murmur2
from kafka.structs import TopicPartition

from shared.bus.client import Loyal, heed_epochs, manager_of, opened, release
from shared.logs import get_logger
from shared.schemas.codec import headers
from shared.settings import setting
from shared.storage.mongo import Document
from shared.storage.outbox import RECOGNISED
from shared.storage.places import Places
from shared.storage.relay import LogLost

log = get_logger(__name__)
_LOG_QUESTIONS, _LOG_PAUSE = 4, 0.5
_LOOK_SECONDS = 30.0
_FAILURES = (KafkaError, AssertionError, OSError, TypeError, ValueError, RuntimeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """Where the events go."""

    kafka_bootstrap: str = setting("KAFKA_BOOTSTRAP", "Kafka brokers, comma separated", example="127.0.0.1:9092")
    kafka_security_protocol: str = setting(
        "KAFKA_SECURITY_PROTOCOL", "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", example="SASL_SSL", default="PLAINTEXT"
    )
    kafka_sasl_mechanism: str = setting("KAFKA_SASL_MECHANISM", "SASL mechanism", example="SCRAM-SHA-512", default="")
    kafka_sasl_username: str = setting("KAFKA_SASL_USERNAME", "SASL user", example="clusterskills", default="")
    kafka_sasl_password: str = setting(
        "KAFKA_SASL_PASSWORD", "SASL password", example="a-long-secret", default="", secret=True
    )
    kafka_ssl_cafile: str = setting("KAFKA_SSL_CAFILE", "CA file of the brokers", example="ca.pem", default="")
    kafka_partitions: int = setting("KAFKA_PARTITIONS", "partitions of a new topic", example="12", default=3)
    kafka_replication: int = setting(
        "KAFKA_REPLICATION",
        "copies of each partition of a new topic; -1: as the brokers are set",
        example="3",
        default=-1,
    )
    events_recognised_days: int = setting(
        "EVENTS_RECOGNISED_DAYS",
        "days for which an event that comes again is recognised; older ones are never sent again",
        example="800",
        default=RECOGNISED.days,
    )
    kafka_session_timeout_ms: int = setting(
        "KAFKA_SESSION_TIMEOUT_MS",
        "silence after which a consumer's work goes to another",
        example="10000",
        default=6_000,
    )

    @property
    def recognised(self) -> timedelta:
        """How long an event that comes again is recognised."""
        return timedelta(days=self.events_recognised_days)

    def client(self) -> dict[str, Any]:
        """Keyword arguments common to all kafka-python clients."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.kafka_bootstrap.split(","),
            "security_protocol": self.kafka_security_protocol,
            "reconnect_backoff_max_ms": 1000,
            # The default is half a minute, in which a worker that is to stop could not stop.
            "bootstrap_timeout_ms": 4000,
            "metrics_enabled": False,
        }
        if self.kafka_sasl_mechanism:
            options |= {
                "sasl_mechanism": self.kafka_sasl_mechanism,
                "sasl_plain_username": self.kafka_sasl_username,
                "sasl_plain_password": self.kafka_sasl_password,
            }
        if self.kafka_ssl_cafile:
            options["ssl_cafile"] = self.kafka_ssl_cafile
        return options


def ensure_topics(settings: KafkaSettings, names: Iterable[str]) -> None:
    """Create the topics that are missing. They keep everything: Kafka is the log. Raises KafkaError when it is away."""
    options = {name: value for name, value in settings.client().items() if name != "metrics_enabled"}
    admin = opened(KafkaAdminClient, **options, request_timeout_ms=10_000)
    try:
        present = set(admin.list_topics())
        missing = sorted(set(names) - present)
        for name in missing:
            _create(admin, settings, name)
    finally:
        admin.close()


def _create(admin: KafkaAdminClient, settings: KafkaSettings, name: str) -> None:
    topic = NewTopic(
        name=name,
        num_partitions=settings.kafka_partitions,
        replication_factor=settings.kafka_replication,
        topic_configs={"retention.ms": "-1", "retention.bytes": "-1"},
    )
    try:
        admin.create_topics([topic])
    except TopicAlreadyExistsError:
        log.info("topic_exists", topic=name)


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's default partitioner gives this key (murmur2; pure Python, hence cached)."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


class KafkaPublisher:
    """Publishes outbox rows. A producer that failed is thrown away: after a fatal error it never recovers.

    Of each partition a prefix arrives: one batch is under way at a time, and the first failure stops the producer
    before it sends another. Left alone it would give up one batch and send the next: n+1 without n. For the same reason
    it neither tries again nor connects again by itself: a broker that comes back may have lost its log, and would get
    n+1 first. So each new producer first looks whether the log still reaches as far as it was acknowledged, by whatever
    process. What is sent twice by that, consumers drop.
    """

    def __init__(self, settings: KafkaSettings, places: Places, *, delivery_timeout_ms: int = 15_000) -> None:
        self._settings, self._places = settings, places
        self._delivery_timeout_ms = delivery_timeout_ms
        self._producer: KafkaProducer | None = None
        self._partitions: dict[str, int] = {}
        self._reached: dict[TopicPartition, int] = {}
        self._hurried = False
        self._look_at = 0.0

    def publish(self, rows: Sequence[Document]) -> list[str]:
        """See `Publisher.publish`: acknowledged ids, per aggregate a prefix of what was given. Raises LogLost."""
        try:
            producer = self._open(rows)
            if self._hurried:
                return []
            sent = self._send_all(producer, rows)
        except _FAILURES as error:
            self._discard(error)
            return []
        return self._acknowledged(rows, sent)

    def watch(self) -> None:
        """See `Publisher.watch`: asks at first, when a connection was lost, and each half minute."""
        if self._hurried or (time.monotonic() < self._look_at and not self._is_lost()):
            return
        try:
            self._drop_if_lost()
            self._reached = self._noted()
            if self._producer is None and self._reached:
                self._open([])
            else:
                self._require_log()
            self._look_at = time.monotonic() + _LOOK_SECONDS
        except _FAILURES as error:
            self._look_at = time.monotonic() + _LOG_PAUSE
            self._discard(error)

    def forget(self, topics: Iterable[str]) -> None:
        """See `Publisher.forget`."""
        gone = set(topics)
        self._places.forget(gone)
        self._reached = {part: offset for part, offset in self._reached.items() if part.topic not in gone}

    def hurry(self) -> None:
        """Called by another thread, once and for all: what is not acknowledged by now counts as not sent."""
        self._hurried = True
        producer = self._producer
        if producer is not None:
            _stop_sending(producer)

    def close(self) -> None:
        """Close the producer; never raises, never hangs for long."""
        producer, self._producer = self._producer, None
        if producer is not None:
            _close(producer)

    def _open(self, rows: Sequence[Document]) -> KafkaProducer:
        self._drop_if_lost()
        unknown = {row["topic"] for row in rows} - self._partitions.keys()
        if self._producer is None:
            self._reached = self._noted()
        if self._producer is None or unknown:
            ensure_topics(self._settings, {row["topic"] for row in rows} | {part.topic for part in self._reached})
        if self._producer is None:
            self._producer = self._connected()
        for topic in unknown:
            self._partitions[topic] = len(self._producer.partitions_for(topic))
        return self._producer

    def _connected(self) -> KafkaProducer:
        """A producer whose connections are older than the answer where the log ends. Raises LogLost."""
        producer = opened(
            KafkaProducer,
            Loyal,
            **self._settings.client(),
            acks="all",
            enable_idempotence=False,
            retries=0,
            linger_ms=1,
            batch_size=524_288,
            max_in_flight_requests_per_connection=1,
            compression_type=None,
            max_block_ms=5_000,
            request_timeout_ms=min(10_000, self._delivery_timeout_ms - 1_000),
            delivery_timeout_ms=self._delivery_timeout_ms,
        )
        manager = manager_of(producer)
        manager.on_loss = partial(_stop_sending, producer)
        try:
            manager.settle()
            self._require_log()
        except BaseException:
            _abort(producer)
            raise
        return producer

    def _require_log(self) -> None:
        """Ask where the log ends. After an election that may be told too low for a moment: ask again then."""
        if not self._reached:
            return
        consumer = opened(KafkaConsumer, **self._settings.client(), enable_auto_commit=False)
        try:
            for _ in range(_LOG_QUESTIONS):
                there = {part for part in self._reached if part.partition in partitions_of(consumer, part.topic)}
                ends = consumer.end_offsets(list(there), timeout_ms=3_000) if there else {}
                short = {part.topic for part, offset in self._reached.items() if ends.get(part, 0) <= offset}
                if not short:
                    return
                time.sleep(_LOG_PAUSE)
        finally:
            close_consumer(consumer)
        raise LogLost(short)

    def _noted(self) -> dict[TopicPartition, int]:
        return {TopicPartition(*place): offset for place, offset in self._places.all().items()}

    def _is_lost(self) -> bool:
        return self._producer is not None and bool(manager_of(self._producer).lost)

    def _drop_if_lost(self) -> None:
        """A producer whose connection is gone, perhaps long ago, makes room for one that asks about the log."""
        if self._is_lost():
            log.info("broker_connection_was_lost")
            self._partitions.clear()
            producer, self._producer = self._producer, None
            _abort(producer)

    def _send_all(self, producer: KafkaProducer, rows: Sequence[Document]) -> list[Any]:
        def stop(_error: BaseException) -> None:
            # Runs in the sender's thread, where close() would wait for itself.
            _stop_sending(producer)

        futures = [self._send(producer, row).add_errback(stop) for row in rows]
        producer.flush(timeout=self._delivery_timeout_ms / 1000 + 1)
        return futures

    def _send(self, producer: KafkaProducer, row: Document) -> Any:
        key = row["key"].encode()
        return producer.send(
            row["topic"],
            key=key,
            value=row["data"],
            headers=headers(
                event_id=row["_id"],
                event_type=row["type"],
                source=row["source"],
                key=row["key"],
                sequence=row["sequence"],
                time=row["time"],
                traceparent=row["traceparent"],
            ),
            partition=partition_of(key, self._partitions[row["topic"]]),
        )

    def _acknowledged(self, rows: Sequence[Document], futures: list[Any]) -> list[str]:
        """The acknowledged ids up to the first failure of each aggregate; a failure discards the producer."""
        acknowledged, broken, before = [], set(), dict(self._reached)
        for row, future in zip(rows, futures, strict=True):
            aggregate = (row["topic"], row["key"])
            if future.succeeded() and aggregate not in broken:
                acknowledged.append(row["_id"])
                self._note(future.value)
            elif not future.succeeded():
                broken.add(aggregate)
        if broken:
            failed = next(future for future in futures if not future.succeeded())
            self._discard(failed.exception)
        self._places.note({part: at for part, at in self._reached.items() if before.get(part) != at})
        return acknowledged

    def _note(self, sent: Any) -> None:
        """How far the log of its partition reaches. An earlier place than before is one in another log."""
        if sent.offset < self._reached.get(sent.topic_partition, -1):
            raise LogLost({sent.topic})
        self._reached[sent.topic_partition] = sent.offset

    def _discard(self, error: BaseException | None) -> None:
        log.warning("publishing_failed", error=type(error).__name__, aggregates_wait=True)
        self._partitions.clear()
        producer, self._producer = self._producer, None
        if producer is not None:
            _abort(producer)


class _Assigned(ConsumerRebalanceListener):  # type: ignore[misc]
    """Says so before the first records of partitions that are ours from now on."""

    def __init__(self, assigned: Callable[[], None]) -> None:
        self._assigned = assigned

    def on_partitions_revoked(self, _revoked: object) -> None:
        """Nothing to do: what is under way is refused by the inbox's unique ids."""

    def on_partitions_assigned(self, _assigned: object) -> None:
        """Called in the client's own thread."""
        self._assigned()


def open_consumer(
    settings: KafkaSettings, group: str, topics: Sequence[str], assigned: Callable[[], None] = lambda: None
) -> KafkaConsumer:
    """A consumer of a group that starts at the beginning and commits only when told to. One thread may use it.

    `assigned` is called whenever partitions become ours, before any record of them.
    """
    consumer = opened(
        KafkaConsumer,
        **settings.client(),
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=500,
        fetch_max_wait_ms=1000,
        session_timeout_ms=settings.kafka_session_timeout_ms,
        heartbeat_interval_ms=min(2_000, settings.kafka_session_timeout_ms // 4),
        max_poll_interval_ms=120_000,
        partition_assignment_strategy=_strategy(),
    )
    heed_epochs(consumer)
    consumer.subscribe(list(topics), listener=_Assigned(assigned))
    try:
        for topic in topics:
            consumer.partitions_for_topic(topic)  # known before the group is joined: else it is joined twice
    except KafkaError:
        close_consumer(consumer)
        raise
    return consumer


def partitions_of(consumer: KafkaConsumer, topic: str) -> set[int]:
    """The numbers of the topic's partitions; none when the broker has no such topic."""
    return set(consumer.partitions_for_topic(topic) or ())


def _strategy() -> tuple[Any, ...]:
    from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

    return (CooperativeStickyAssignor,)


def _close(producer: KafkaProducer) -> None:
    """Close a producer; closing may raise and leave its thread behind, which would go on sending: then end that."""
    try:
        producer.close(timeout=3)
    except Exception as error:  # noqa: BLE001 (it raises what it likes)
        log.warning("kafka_close_failed", error=type(error).__name__)
        _abort(producer)


def _stop_sending(producer: KafkaProducer) -> None:
    producer._sender.force_close()  # noqa: SLF001 (no public way; the version is pinned)


def _abort(producer: KafkaProducer) -> None:
    """End a producer now, with what it has not sent yet. Its close() alone raises while something is unsent."""
    sender = producer._sender  # noqa: SLF001 (no public way; the version is pinned)
    try:
        sender.force_close()
        sender.join(timeout=3)
        producer.close(timeout=0)
    except Exception as error:  # noqa: BLE001 (it raises what it likes)
        log.warning("kafka_abort_failed", error=type(error).__name__, thread_left=sender.is_alive())


def close_consumer(consumer: KafkaConsumer, timeout_ms: int = 3000) -> None:
    """Leave the group; never raises. A broker that does not answer is waited for this long."""
    try:
        consumer.close(autocommit=False, timeout_ms=timeout_ms)
    except Exception as error:  # noqa: BLE001 (it raises what it likes)
        log.warning("kafka_close_failed", error=type(error).__name__)
    finally:
        release(consumer._client)  # noqa: SLF001 (its own close() stops half-way when it raises)
