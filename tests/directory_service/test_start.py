"""What ends a process at its start, instead of making it wait for ever."""

import os
import subprocess
import sys

import pytest

from shared.storage.mongo import connect

WORKER = [sys.executable, "-m", "services.directory_service", "worker"]
API = [
    sys.executable,
    *("-m", "gunicorn", "-c", "python:shared.http.gunicorn_conf", "--bind", "127.0.0.1:0"),
    "services.directory_service.app:create_app()",
]


@pytest.mark.parametrize("command", [WORKER, API], ids=["worker", "api"])
def test_an_index_that_differs_ends_the_process_with_a_sentence(
    command: list[str], environment: dict[str, str]
) -> None:
    prefix = f"{environment['CLUSTERSKILLS_DATABASE_PREFIX']}start_"
    with connect(environment["CLUSTERSKILLS_MONGO_URL"]) as client:
        database = client[f"{prefix}directory"]
        database["organisations"].create_index("sector", name="cluster")
        try:
            own = {**os.environ, **environment, "CLUSTERSKILLS_DATABASE_PREFIX": prefix}
            ended = subprocess.run(command, env=own, capture_output=True, text=True, timeout=120, check=False)
        finally:
            client.drop_database(database.name)

    assert ended.returncode != 0
    assert "of the tables" in ended.stderr
    assert "drop_index" in ended.stderr
