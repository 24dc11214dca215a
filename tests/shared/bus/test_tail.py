"""Watching events go by."""

from itertools import islice

from kafka import KafkaProducer

from shared.bus.kafka import KafkaSettings, ensure_topics
from shared.bus.tail import follow
from tests.chaos.probe import probe_of
from tests.records import incoming


def test_what_is_no_event_is_named_and_the_rest_goes_by(kafka: KafkaSettings, topic: str) -> None:
    record = incoming(probe_of(topic)(probe_id="a", n=1), 1, source="/probe")
    ensure_topics(kafka, [topic])
    producer = KafkaProducer(bootstrap_servers=kafka.kafka_bootstrap)
    producer.send(topic, key=b"a", value=b"nobody's", partition=0)
    producer.send(topic, key=b"a", value=record.value, headers=list(record.headers), partition=0)
    producer.flush()
    producer.close()

    said: list[str] = []
    events = follow(kafka, [topic], from_start=True, stop=lambda: False, unreadable=said.append)
    assert [event.id for event in islice(events, 1)] == [f"{topic}/a/1"]
    assert len(said) == 1
    assert said[0].startswith(f"{topic}, partition 0, offset 0: ")
