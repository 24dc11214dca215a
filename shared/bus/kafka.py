"""Apache Kafka: connection settings, topics, and consumers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError
from kafka.partitioner.default import murmur2

from shared.bus.client import heed_epochs, opened, release
from shared.logs import get_logger
from shared.settings import setting
from shared.storage.outbox import RECOGNISED

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


def close_consumer(consumer: KafkaConsumer, timeout_ms: int = 3000) -> None:
    """Leave the group; never raises. A broker that does not answer is waited for this long."""
    try:
        consumer.close(autocommit=False, timeout_ms=timeout_ms)
    except Exception as error:  # noqa: BLE001 (it raises what it likes)
        log.warning("kafka_close_failed", error=type(error).__name__)
    finally:
        release(consumer._client)  # noqa: SLF001 (its own close() stops half-way when it raises)
