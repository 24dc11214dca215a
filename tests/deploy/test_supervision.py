"""What hangs is restarted, what stalls is left alone, and nobody who knocks during a change is refused."""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from deploy.local import order, ports, stack
from deploy.local.errors import StackError
from deploy.local.folder import Folder
from deploy.local.life import Life
from deploy.local.listener import Listener
from deploy.local.metadata import Metadata
from deploy.local.part import Part
from deploy.local.processes import wait_until
from deploy.local.supervisor import Supervisor
from deploy.local.table import Table

ROOT = Path(__file__).parents[2]
LONG = 60.0


@dataclass
class Watched:
    """A supervisor at work in a thread of its own, and what it said."""

    folder: Folder
    said: list[str]

    def pid(self, name: str) -> int:
        return int(self.folder.read_stack()["processes"][name]["pid"])


@contextmanager
def watched(path: Path, *parts: Part) -> Iterator[Watched]:
    folder, said, over = Folder(path), list[str](), threading.Event()
    folder.make()
    supervisor = Supervisor(folder, Table(parts, {"url": ""}), said.append)
    supervisor.start()
    thread = threading.Thread(target=supervisor.watch, args=(over.is_set,))
    thread.start()
    try:
        yield Watched(folder, said)
    finally:
        over.set()
        thread.join()
        supervisor.stop()


def small(port: int, *listeners: Listener, hung_after: float = LONG, spare: Part | None = None) -> Part:
    command = (sys.executable, "-m", "tests.deploy.small", str(port), *(listener.mark for listener in listeners))
    return Part(
        name="small",
        command=command,
        healthy=lambda: _tells(port, LONG) is not None,
        answers=lambda: _tells(port, 0.3) is not None,
        ports={"small": port},
        cwd=ROOT,
        listeners=listeners,
        hung_after=hung_after,
        spare=spare,
    )


def _tells(port: int, within: float) -> int | None:
    try:
        return int(httpx.get(f"http://127.0.0.1:{port}", timeout=within).text)
    except httpx.HTTPError:
        return None


@pytest.mark.parametrize(("well_for", "pauses"), [(2.0, [0, 0, 0, 0]), (0.0, [0, 0.5, 1, 2])])
def test_who_is_killed_again_and_again_is_started_at_once_and_who_cannot_live_is_not(
    tmp_path: Path, well_for: float, pauses: list[float]
) -> None:
    life = Life(small(0), tmp_path / "log")

    def die() -> float:
        life.lives_again()
        life._well_since -= well_for
        life.forgive()
        return life.mourn()

    assert [die() for _ in pauses] == pauses


def test_a_process_that_exists_and_does_not_answer_is_ended_and_started_again(tmp_path: Path) -> None:
    (port,) = ports.find_free(1)
    with watched(tmp_path, small(port, hung_after=1.0)) as stack_:
        frozen = stack_.pid("small")
        os.kill(frozen, signal.SIGSTOP)

        assert wait_until(lambda: stack_.pid("small") != frozen, LONG)
        assert wait_until(lambda: _tells(port, 5) == stack_.pid("small"), LONG)
    assert any("small has not answered for" in sentence for sentence in stack_.said)


def test_a_stall_shorter_than_the_limit_is_told_and_ends_nothing(tmp_path: Path) -> None:
    (port,) = ports.find_free(1)
    with watched(tmp_path, small(port)) as stack_:
        stalled = stack_.pid("small")
        os.kill(stalled, signal.SIGSTOP)
        assert wait_until(lambda: stack_.folder.read_stack()["processes"]["small"]["silent"], LONG)
        os.kill(stalled, signal.SIGCONT)

        assert wait_until(lambda: not stack_.folder.read_stack()["processes"]["small"]["silent"], LONG)
        assert stack_.pid("small") == stalled


def test_who_knocks_while_a_killed_process_is_replaced_waits_and_is_answered(tmp_path: Path) -> None:
    inner, outer = ports.find_free(2)
    with watched(tmp_path, small(inner, Listener(outer))) as stack_:
        killed = stack_.pid("small")
        os.kill(killed, signal.SIGKILL)
        answers = [_read(knock) for knock in _knock_until(outer, lambda: stack_.pid("small") != killed)]

        assert answers
        assert set(answers) == {stack_.pid("small")}


def _knock_until(port: int, over: Callable[[], bool]) -> list[socket.socket]:
    """Ask every few milliseconds without waiting for the answers."""
    knocks = list[socket.socket]()
    while not over():
        knocks.append(socket.create_connection(("127.0.0.1", port), timeout=LONG))
        knocks[-1].sendall(b"GET / HTTP/1.0\r\n\r\n")
        time.sleep(0.005)
    return knocks


def _read(knock: socket.socket) -> int:
    with knock, knock.makefile("rb") as answer:
        return int(answer.read().rpartition(b"\r\n\r\n")[2])


def test_a_replacement_is_well_before_the_old_process_goes(tmp_path: Path) -> None:
    inner, spare, outer = ports.find_free(3)
    listener, beside = Listener(outer), list[int | None]()

    def well() -> bool:
        if _tells(spare, LONG) is None:
            return False
        beside.append(_tells(inner, LONG))
        return True

    twin = replace(small(spare, listener), healthy=well)
    with watched(tmp_path, small(inner, listener, spare=twin)) as stack_:
        old = stack_.pid("small")
        with _asking(lambda: _tells(outer, LONG)) as answers:
            _order(stack_.folder, ("small",))

        assert beside[0] == old
        assert None not in answers
        assert _tells(spare, LONG) == stack_.pid("small") != old
        assert _tells(inner, LONG) is None


def test_a_replacement_that_does_not_come_up_leaves_the_old_process_at_work(tmp_path: Path) -> None:
    inner, outer = ports.find_free(2)
    listener = Listener(outer)
    broken = Part(name="small", command=(sys.executable, "-c", "raise SystemExit(3)"), healthy=lambda: False)
    with watched(tmp_path, small(inner, listener, spare=broken)) as stack_:
        old = stack_.pid("small")
        with pytest.raises(StackError, match=r"ended by itself \(exit code 3\)"):
            _order(stack_.folder, ())

        assert _tells(outer, LONG) == old == stack_.pid("small")


def test_an_order_for_a_part_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    (port,) = ports.find_free(1)
    with watched(tmp_path, small(port)) as stack_, pytest.raises(StackError, match="called nobody; there are: small"):
        _order(stack_.folder, ("nobody",))


def test_a_restart_of_a_stack_that_does_not_run_is_refused(tmp_path: Path) -> None:
    Folder(tmp_path).make()
    Folder(tmp_path).write_stack({"state": "down", "processes": {}})

    with pytest.raises(StackError, match="No stack runs in"):
        stack.restart(tmp_path, (), print)


def test_a_partition_that_misses_a_copy_is_seen() -> None:
    def partition(copies: int, in_step: int) -> bytes:
        lists = b"".join(struct.pack(f">i{count}i", count, *range(count)) for count in (copies, in_step))
        return struct.pack(">hii", 0, 0, 1) + lists

    brokers = b"".join(struct.pack(">ih3sih", number, 3, b"abc", 9000 + number, -1) for number in (1, 2, 3))
    topic = struct.pack(">hh5sbi", 0, 5, b"probe", 0, 2) + partition(3, 3) + partition(3, 2)
    answer = struct.pack(">ii", 1, 3) + brokers + struct.pack(">ii", 1, 1) + topic

    assert Metadata.read(answer) == Metadata(frozenset({9001, 9002, 9003}), behind=1)


def _order(folder: Folder, parts: tuple[str, ...]) -> None:
    with folder.owned():
        order.follow(folder, order.place(folder, parts, engines=False), print)


@contextmanager
def _asking(ask: Callable[[], int | None]) -> Iterator[list[int | None]]:
    """Ask all the time while the block lasts."""
    answers, over = list[int | None](), threading.Event()

    def go_on() -> None:
        while not over.is_set():
            answers.append(ask())
            time.sleep(0.005)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield answers
    finally:
        over.set()
        thread.join()
