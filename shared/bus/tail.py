"""Watch events go by, outside any consumer group: for people, never for effects."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from shared.bus.client import opened
from shared.bus.kafka import KafkaSettings, close_consumer, ensure_topics
from shared.schemas.codec import Undecodable, UnknownType, decode
from shared.schemas.event import Envelope


class BrokerAway(Exception):
    """Kafka cannot be reached."""


def follow(
    settings: KafkaSettings,
    topics: Sequence[str],
    *,
    from_start: bool,
    stop: Callable[[], bool],
    unreadable: Callable[[str], None] = lambda _sentence: None,
) -> Iterator[Envelope]:
    """Yield each event of these topics as it comes, from the first one or from now on, until `stop`.

    `unreadable` is told where a record is that is no event, and why. Raises BrokerAway when there is no broker to ask.
    """
    try:
        ensure_topics(settings, topics)
        consumer = opened(KafkaConsumer, **settings.client(), auto_offset_reset="earliest", enable_auto_commit=False)
    except KafkaError as error:
        raise BrokerAway(f"Kafka at {settings.kafka_bootstrap} does not answer ({type(error).__name__}).") from error
    try:
        partitions = [TopicPartition(t, p) for t in topics for p in sorted(consumer.partitions_for_topic(t) or ())]
        consumer.assign(partitions)
        if from_start:
            consumer.seek_to_beginning(*partitions)
        else:
            consumer.seek_to_end(*partitions)
            for partition in partitions:
                consumer.position(partition)
        yield from _read(consumer, stop, unreadable)
    finally:
        close_consumer(consumer)


def _read(consumer: KafkaConsumer, stop: Callable[[], bool], unreadable: Callable[[str], None]) -> Iterator[Envelope]:
    while not stop():
        for records in consumer.poll(timeout_ms=100, max_records=500).values():
            for record in records:
                try:
                    yield decode(record.headers, record.value)
                except (Undecodable, UnknownType) as error:
                    unreadable(f"{record.topic}, partition {record.partition}, offset {record.offset}: {error}")


class Witness:
    """Collects the events that cross while something happens, in a thread of its own."""

    def __init__(self, settings: KafkaSettings, topics: Sequence[str]) -> None:
        self._settings, self._topics = settings, topics
        self._seen: list[tuple[float, Envelope]] = []
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="witness", daemon=True)
        self._failed: Exception | None = None

    def start(self) -> None:
        """Watch from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join(timeout=5)

    def wait_for(self, event_type: str, key: str, patience: float = 20.0) -> tuple[Envelope, float]:
        """The event of this type about this aggregate, and the time (epoch seconds) at which it was seen here."""
        until = time.monotonic() + patience
        with self._changed:
            while True:
                for seen_at, envelope in reversed(self._seen):
                    if envelope.type == event_type and envelope.key == key:
                        return envelope, seen_at
                if self._failed or not self._changed.wait(timeout=max(0.0, until - time.monotonic())):
                    raise TimeoutError(f"The event {event_type} about {key} did not cross within {patience:.0f} s.")

    def _watch(self) -> None:
        try:
            for envelope in follow(self._settings, self._topics, from_start=False, stop=self._stop.is_set):
                with self._changed:
                    self._seen.append((time.time(), envelope))
                    self._changed.notify_all()
        except (KafkaError, BrokerAway) as error:
            with self._changed:
                self._failed = error
                self._changed.notify_all()
