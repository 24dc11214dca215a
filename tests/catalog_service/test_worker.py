"""The catalogue's worker process publishes, listens, closes what is due, and ends on SIGTERM."""

import os
import signal
import subprocess
import sys
import time

from kafka import KafkaConsumer, KafkaProducer

from shared.clock import utc_now
from shared.schemas.codec import decode, encode_data, headers
from shared.schemas.enrolment import RosterCompleted
from shared.schemas.event import event_id
from tests.catalog_service.calling import Catalog, session_body
from tests.stack import Stack

EXPECTED = ["planned", "opened", "rescheduled", "enrolment_closed", "completed"]


def test_the_worker_does_its_three_jobs(catalog: Catalog, environment: dict[str, str], engines: Stack) -> None:
    command = [sys.executable, "-m", "services.catalog_service", "worker"]
    worker = subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    try:
        cluster_id = catalog.cluster()
        session_id = catalog.session(cluster_id, "open")
        bring_deadline_forward(catalog, cluster_id, session_id)
        await_verbs(engines.kafka, session_id, EXPECTED[:4])
        send_roster_completed(engines.kafka, session_id)
        verbs = await_verbs(engines.kafka, session_id, EXPECTED)
    finally:
        worker.send_signal(signal.SIGTERM)
        code = worker.wait(10)

    assert verbs == EXPECTED
    assert code == 0


def bring_deadline_forward(catalog: Catalog, cluster_id: str, session_id: str) -> None:
    """From now on the session is due."""
    dates = {key: session_body()[key] for key in ("starts_at", "ends_at")}
    dates["application_deadline"] = utc_now().isoformat()
    catalog.done(f"/v1/sessions/{session_id}/reschedule", catalog.trainer(cluster_id), dates)


def await_verbs(bootstrap: str, key: str, wanted: list[str], seconds: float = 40) -> list[str]:
    """The verbs of a session's events as they stand in Kafka, when they are the wanted ones or the time is over."""
    consumer = KafkaConsumer(
        "session", bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    verbs: list[str] = []
    until = time.monotonic() + seconds
    try:
        while verbs != wanted and time.monotonic() < until:
            for records in consumer.poll(500).values():
                found = [decode(record.headers, record.value) for record in records]
                verbs += [envelope.type.split(".")[1] for envelope in found if envelope.key == key]
    finally:
        consumer.close()
    return verbs


def send_roster_completed(bootstrap: str, session_id: str) -> None:
    """As the enrolment service would."""
    event = RosterCompleted(session_id=session_id, course_id="c", cluster_id="c", completed=1, failed=0, no_show=0)
    attributes = headers(
        event_id=event_id(event.topic, event.key, 1),
        event_type=event.TYPE,
        source="/enrolment",
        key=event.key,
        sequence=1,
        time=utc_now(),
        traceparent="",
    )
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    try:
        sent = producer.send(event.topic, key=event.key.encode(), value=encode_data(event), headers=attributes)
        sent.get(10)
    finally:
        producer.close()
