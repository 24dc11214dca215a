"""The directory's worker process publishes what was written, and ends on SIGTERM."""

import os
import signal
import subprocess
import sys
import time

from kafka import KafkaConsumer

from shared.schemas.codec import decode
from shared.schemas.directory import OrganisationRegistered, PersonRegistered
from tests.directory_service.calling import Directory
from tests.stack import Stack


def test_the_worker_publishes_and_stops_gracefully(
    directory: Directory, environment: dict[str, str], engines: Stack
) -> None:
    command = [sys.executable, "-m", "services.directory_service", "worker"]
    worker = subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL)
    try:
        cluster_id = directory.cluster()
        person_id = directory.person(cluster_id)
        found = await_keys(engines.kafka, ["organisation", "person"], {cluster_id, person_id})
    finally:
        worker.send_signal(signal.SIGTERM)
        code = worker.wait(10)

    assert isinstance(found[cluster_id], OrganisationRegistered)
    assert isinstance(found[person_id], PersonRegistered)
    assert code == 0


def await_keys(bootstrap: str, topics: list[str], keys: set[str], seconds: float = 30) -> dict[str, object]:
    """The first event of each key."""
    consumer = KafkaConsumer(
        *topics, bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    found: dict[str, object] = {}
    until = time.monotonic() + seconds
    try:
        while set(found) != keys and time.monotonic() < until:
            for records in consumer.poll(500).values():
                for record in records:
                    envelope = decode(record.headers, record.value)
                    if envelope.key in keys:
                        found.setdefault(envelope.key, envelope.event)
    finally:
        consumer.close()
    return found
