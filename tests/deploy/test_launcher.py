"""The launcher: what it leaves behind (nothing), what it keeps (data and ports), and what it says when it cannot start."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from pymongo import MongoClient

from deploy.local import doctor, folder, programs, stack
from deploy.local.errors import StackError
from deploy.local.folder import Folder
from deploy.local.processes import Identity, wait_until
from deploy.local.stack import Request

GATEWAY = ("gateway",)
SMALL = ("mongo", "gateway")


@pytest.fixture
def data(tmp_path: Path) -> Any:
    yield tmp_path / "data"
    stack.stop(tmp_path / "data")


def _up(data: Path, only: tuple[str, ...] = GATEWAY) -> tuple[dict[str, Any], list[str]]:
    said: list[str] = []
    facts = stack.start_in_background(Request(data, only=only, while_pid=os.getpid()), said.append)
    return facts, said


def test_data_and_ports_survive_a_restart_and_nothing_runs_in_between(data: Path) -> None:
    first, _said = _up(data, SMALL)
    with MongoClient[dict[str, Any]](first["mongo"]) as client:
        client.some.things.insert_one({"_id": "kept"})
    began = time.monotonic()
    assert stack.stop(data)
    assert time.monotonic() - began < 10
    assert not _alive(first)

    second, said = _up(data, SMALL)
    with MongoClient[dict[str, Any]](second["mongo"]) as client:
        assert client.some.things.find_one() == {"_id": "kept"}
    assert (second["url"], second["mongo"]) == (first["url"], first["mongo"])
    assert not any("by force" in sentence for sentence in said)


def test_after_kill_9_nothing_is_left_and_the_next_start_says_so(data: Path) -> None:
    facts, _said = _up(data)
    os.kill(facts["supervisor"]["pid"], signal.SIGKILL)

    assert wait_until(lambda: not _alive(facts), 5), "the kernel ends the parts with their supervisor"
    assert wait_until(lambda: stack.status(data)[0]["state"] == "killed", 5)
    _facts, said = _up(data)
    assert any("was ended by force" in sentence for sentence in said)


def test_parts_that_outlived_their_supervisor_are_ended_by_the_next_start(data: Path) -> None:
    facts, _said = _up(data)
    stack.stop(data)
    # Not our own child, so that it is really gone when it ended.
    orphan = subprocess.check_output(["sh", "-c", "setsid sleep 60 >/dev/null & echo $!"], text=True)
    left = Identity.of(int(orphan))
    facts |= {"state": "up", "processes": {"mongo": {"pid": left.pid, "started": left.started}}}
    Folder(data).write_stack(facts)

    _facts, said = _up(data)
    assert left.find() is None
    assert any("now ended: mongo" in sentence for sentence in said)


def test_a_process_that_only_reuses_the_id_of_a_part_is_left_alone(data: Path) -> None:
    facts, _said = _up(data)
    stack.stop(data)
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    facts |= {"state": "up", "processes": {"mongo": {"pid": stranger.pid, "started": time.time() - 5_000}}}
    Folder(data).write_stack(facts)
    Folder(data).end_leftovers()

    first_look = stranger.poll()
    stranger.kill()
    stranger.wait()
    assert first_look is None


def test_a_part_that_dies_is_started_again_on_the_same_port_with_its_data(data: Path) -> None:
    facts, _said = _up(data, SMALL)
    before = facts["processes"]["mongo"]["pid"]
    with MongoClient[dict[str, Any]](facts["mongo"]) as client:
        client.some.things.insert_one({"_id": "kept"})
        os.kill(before, signal.SIGKILL)

        assert wait_until(lambda: stack.status(data)[0]["processes"]["mongo"]["pid"] != before, 20)
        assert client.some.things.count_documents({}) == 1
    assert "mongo ended (signal SIGKILL)" in Folder(data).supervisor_log.read_text()


def test_a_part_that_cannot_start_shows_its_last_words_and_everything_stops(data: Path) -> None:
    _up(data, ("mongo",))
    stack.stop(data)
    (data / "mongo" / "WiredTiger.turtle").write_text("not a database any more")
    said: list[str] = []
    request = Request(data, only=SMALL)

    with pytest.raises(StackError, match="did not come up"):
        stack.start_in_background(request, said.append)
    assert any("mongo ended by itself" in sentence for sentence in said)
    assert any("WiredTiger" in sentence for sentence in said)
    assert stack.status(data)[0]["state"] == "down"
    assert not any(part.alive for part in stack.status(data)[1])


def test_a_second_stack_in_the_same_folder_is_refused_by_name(data: Path) -> None:
    facts, _said = _up(data)

    with pytest.raises(StackError, match=f"already runs in .* \\(process {facts['supervisor']['pid']}\\)"):
        _up(data)


def test_two_stacks_run_side_by_side(data: Path, tmp_path: Path) -> None:
    first, _said = _up(data)
    second, _said = _up(tmp_path / "other")
    try:
        kept = [Folder(path).kept_ports() for path in (data, tmp_path / "other")]
        mine, others = ({ports["gateway"], ports["gateway (https)"]} for ports in kept)
        assert not mine & others
        assert _alive(first)
        assert _alive(second)
    finally:
        stack.stop(tmp_path / "other")


def test_a_port_that_somebody_took_is_refused_with_who_holds_it(data: Path) -> None:
    _up(data)
    stack.stop(data)
    with socket.create_server(("127.0.0.1", Folder(data).kept_ports()["gateway"])):
        said: list[str] = []
        with pytest.raises(StackError):
            stack.start_in_background(Request(data, only=GATEWAY), said.append)

    assert any(f"held by process {os.getpid()}" in sentence for sentence in said)


def test_a_lock_file_without_an_owner_does_not_matter(data: Path) -> None:
    data.mkdir()
    (data / "supervisor.lock").write_text("stale")

    facts, _said = _up(data)
    assert facts["state"] == "up"


def test_it_stops_when_the_process_it_was_started_for_is_gone(data: Path) -> None:
    keeper = subprocess.Popen(["sleep", "60"])
    facts = stack.start_in_background(Request(data, only=("gateway",), while_pid=keeper.pid), print)
    keeper.kill()
    keeper.wait()

    assert wait_until(lambda: not _alive(facts), 10)


def test_ctrl_c_during_the_start_stops_what_was_started(data: Path) -> None:
    command = [sys.executable, "-m", "clusterskills.main", "stack", "up", "--data", str(data), "--only", "mongo,kafka"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert wait_until(lambda: Folder(data).read_stack().get("processes"), 30)
    facts = Folder(data).read_stack()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=15)

    assert not _alive(facts)
    assert stack.status(data)[0]["state"] == "down"


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence() -> None:
    with pytest.raises(StackError, match=r"/proc/nowhere cannot be written .*: use --data with a folder of yours"):
        Folder(Path("/proc/nowhere")).make()


def test_a_full_disk_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "NEEDED_BYTES", shutil.disk_usage(tmp_path).total * 2)

    with pytest.raises(StackError, match="are free on the disk"):
        Folder(tmp_path).make()


def test_another_platform_is_pointed_to_compose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "arm64")

    with pytest.raises(StackError, match="docker compose up"):
        programs.refuse_other_platforms()


def test_secrets_are_made_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    place = Folder(tmp_path)
    secrets = place.secrets()

    assert place.secrets() == secrets
    assert len(set(secrets.values())) == len(secrets)
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_doctor_finds_nothing_wrong_here_and_names_what_is(data: Path) -> None:
    assert all(finding.well for finding in doctor.examine(data)), doctor.examine(data)

    wrong = [finding.sentence for finding in doctor.examine(Path("/proc/nowhere")) if not finding.well]
    assert any("cannot be written" in sentence for sentence in wrong)


def test_an_engine_that_was_named_and_does_not_answer_is_refused(data: Path) -> None:
    said: list[str] = []
    with pytest.raises(StackError):
        stack.start_in_background(Request(data, kafka="127.0.0.1:9", only=("gateway",)), said.append)

    assert any("No Kafka broker answers" in sentence for sentence in said)


def test_engines_that_exist_already_are_used(data: Path, tmp_path: Path) -> None:
    existing, _said = _up(tmp_path / "existing", ("mongo",))
    try:
        facts = stack.start_in_background(Request(data, mongo=existing["mongo"], only=SMALL), print)
        assert facts["mongo"] == existing["mongo"]
        assert list(facts["processes"]) == ["gateway"]
    finally:
        stack.stop(tmp_path / "existing")


def _alive(facts: dict[str, Any]) -> list[psutil.Process]:
    found = [Identity(entry["pid"], entry["started"]).find() for entry in facts["processes"].values()]
    return [process for process in found if process is not None]
