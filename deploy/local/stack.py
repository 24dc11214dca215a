"""The commands on a stack: run it here, start it in the background, stop it, tell how it is."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from deploy.local import order, processes, programs, services
from deploy.local.errors import StackError
from deploy.local.folder import Folder
from deploy.local.processes import Identity
from services import manifests

if TYPE_CHECKING:
    from deploy.local.artefacts import Say
    from deploy.local.supervisor import Supervisor

DEFAULT_DATA = Path(".stack")
_STOP_WITHIN = 15.0
_background: list[subprocess.Popen[bytes]] = []
"""Supervisors this process started and left running; kept so that their end is noticed."""


@atexit.register
def _leave_running() -> None:
    """They are meant to go on: Python would warn of each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        _background.clear()


@dataclass(frozen=True, slots=True)
class Request:
    """What `stack up` was asked: where, with which engines that exist already, and which parts (none named: all)."""

    data: Path = DEFAULT_DATA
    mongo: str | None = None
    kafka: str | None = None
    oidc: str | None = None
    only: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    """Packages of further services, each with a manifest, that are run beside ours."""
    nodes: int | None = None
    """Servers of each engine: 1 or 3; None: as the data was made, at first 1."""
    while_pid: int | None = None
    """Stop when this process is gone: a test run that is killed leaves no stack behind."""

    def arguments(self) -> list[str]:
        """Return the request as command line arguments of this module."""
        pairs = {
            "--data": self.data,
            "--mongo": self.mongo,
            "--kafka": self.kafka,
            "--oidc": self.oidc,
            "--only": ",".join(self.only),
            "--more": ",".join(self.more),
            "--nodes": self.nodes,
            "--while-pid": self.while_pid,
        }
        return [str(word) for name, value in pairs.items() if value for word in (name, value)]


@dataclass(frozen=True, slots=True)
class Health:
    """One part as `stack status` shows it."""

    name: str
    pid: int
    alive: bool
    answers: bool = True
    """Whether it answered when it was asked last, at most some seconds ago."""


class _Stopped(BaseException):
    """Somebody asked us to stop (Ctrl-C, SIGTERM); not an error, so that nothing catches it on the way."""


def run(request: Request, say: Say) -> None:
    """Start the stack, watch it until this process is asked to stop, then stop it. Main thread only."""
    folder = Folder(request.data.resolve())
    programs.refuse_other_platforms()
    folder.make()
    with folder.owned(), _asked_to_stop():
        _clean_after_kill(folder, say)
        supervisor = _prepared(folder, request, say)
        _supervise(supervisor, folder, request, say)


def start_in_background(request: Request, say: Say) -> dict[str, Any]:
    """Start a supervisor that outlives this process; return stack.json's content when all parts are well.

    What the supervisor says is passed on. Raise StackError with its last words when it fails.
    """
    folder = Folder(request.data.resolve())
    programs.refuse_other_platforms()
    folder.make()
    if folder.is_owned():
        with folder.owned():
            pass
    log = folder.supervisor_log
    log.write_bytes(b"")
    command = [sys.executable, "-m", "deploy.local.stack", *request.arguments()]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    _background.append(process)
    try:
        return _follow(process, folder, say)
    except BaseException:
        stop(folder.path)
        process.wait(_STOP_WITHIN)
        raise


def stop(data: Path) -> bool:
    """Stop the stack of a data folder; False when none ran. Also ends what a killed supervisor left behind."""
    folder = Folder(data.resolve())
    stack = folder.read_stack()
    supervisor = _supervisor(stack)
    if supervisor is None:
        return bool(folder.end_leftovers())
    process = supervisor.find()
    if process is None:
        return bool(folder.end_leftovers())
    with contextlib.suppress(ProcessLookupError):
        os.kill(supervisor.pid, signal.SIGTERM)
    if not processes.wait_until(lambda: supervisor.find() is None, _STOP_WITHIN):
        process.kill()
        folder.end_leftovers()
    for child in _background:
        child.poll()
    return True


def status(data: Path) -> tuple[dict[str, Any], list[Health]]:
    """Return stack.json's content with a true `state`, and each part's health."""
    folder = Folder(data.resolve())
    stack = folder.read_stack()
    if not stack:
        raise StackError(f"No stack was started in {folder.path} yet: `clusterskills stack up --data {folder.path}`.")
    supervisor = _supervisor(stack)
    if supervisor is None or supervisor.find() is None:
        stack["state"] = "down" if stack["state"] in {"down", "failed"} else "killed"
    parts = [
        Health(
            name,
            entry["pid"],
            Identity(entry["pid"], entry["started"]).find() is not None,
            not entry.get("silent", False),
        )
        for name, entry in stack["processes"].items()
    ]
    return stack, parts


def restart(data: Path, parts: tuple[str, ...], say: Say, *, engines: bool = False) -> None:
    """Replace the processes of a running stack one after the other; return when all are new.

    `parts` names parts, kinds or services; none named: all that is ours and the gateway, and with `engines` those too.
    Raise StackError when one does not come up; the ones after it are as they were.
    """
    folder = Folder(data.resolve())
    facts, _ = status(data)
    if facts["state"] != "up":
        raise StackError(f"No stack runs in {folder.path}: `clusterskills stack up --data {folder.path}` starts it.")
    order.follow(folder, order.place(folder, parts, engines=engines), say)


def rebuild(data: Path, service: str, model: str, *, anew: bool = False, quiet: bool = False) -> int:
    """Build a read model of a running stack's service anew; return the exit code."""
    return beside_worker(data, service, ["rebuild", model, *(["--anew"] if anew else [])], quiet=quiet)


def beside_worker(
    data: Path, service: str, arguments: Sequence[str], *, quiet: bool = False, log_level: str = ""
) -> int:
    """Run a command of a running stack's service with the settings of its worker; return the exit code.

    What it says goes to the output; `quiet`: to the error output. `log_level` in place of the worker's.
    """
    stack, _ = status(data)
    entry = next((row for name, row in stack["processes"].items() if name.startswith(f"{service}-worker")), None)
    worker = Identity(entry["pid"], entry["started"]).find() if entry else None
    if worker is None:
        known = ", ".join(name for name, row in stack["services"].items() if "worker_metrics" in row)
        raise StackError(f"No worker of {service} runs in {data}; services with one: {known}. `stack up` starts them.")
    package = stack["services"][service]["package"]
    environment = {**worker.environ(), "CLUSTERSKILLS_METRICS_PORT": "0"}
    if log_level:
        environment["CLUSTERSKILLS_LOG_LEVEL"] = log_level
    command = (sys.executable, "-m", package, *arguments)
    return subprocess.run(
        command, env=environment, cwd=services.ROOT, check=False, stdout=sys.stderr if quiet else None
    ).returncode


def _prepared(folder: Folder, request: Request, say: Say) -> Supervisor:
    # Only who starts a stack needs all that starts one: the other commands begin at once.
    from deploy.local import outside, table
    from deploy.local.supervisor import Supervisor

    nodes = folder.nodes(request.nodes)
    engines = outside.check(request.mongo, request.kafka, request.oidc)
    wish = table.Wish(engines, frozenset(request.only), nodes, manifests(*request.more))
    shutil.rmtree(folder.scratch, ignore_errors=True)
    folder.scratch.mkdir()
    os.environ["TMPDIR"] = str(folder.scratch)  # so that nothing of ours is left in /tmp
    made = table.build(folder, wish, say)
    folder.write_targets(made.targets)
    return Supervisor(folder, made, say)


def _supervise(supervisor: Supervisor, folder: Folder, request: Request, say: Say) -> None:
    began = time.monotonic()
    state = "down"
    try:
        supervisor.start()
        say(f"The stack is up after {time.monotonic() - began:.1f} s: {folder.read_stack()['url']}")
        supervisor.watch(_until_gone(request.while_pid))
    except _Stopped:
        pass
    except BaseException:
        state = "failed"
        raise
    finally:
        _ignore_signals()
        say("Stopping")
        began = time.monotonic()
        supervisor.stop()
        supervisor.close(state)
        say(f"Stopped after {time.monotonic() - began:.1f} s")


def _until_gone(pid: int | None) -> Any:
    if pid is None:
        return bool
    keeper = Identity.of(pid)
    return lambda: keeper.find() is None


def _clean_after_kill(folder: Folder, say: Say) -> None:
    left = folder.end_leftovers()
    if folder.was_killed():
        ended = f"; left running and now ended: {', '.join(left)}" if left else "; nothing was left running"
        say(f"The last stack in {folder.path} was ended by force{ended}. Its data is used again.")


@contextlib.contextmanager
def _asked_to_stop() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into an exception in the main thread."""

    def raise_stopped(_number: int, _frame: FrameType | None) -> None:
        _ignore_signals()
        raise _Stopped

    before = {number: signal.signal(number, raise_stopped) for number in _SIGNALS}
    try:
        yield
    except _Stopped:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# The last one is not everywhere; where it is missing the platform is refused with a sentence, not with an AttributeError.
_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def _ignore_signals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _follow(process: subprocess.Popen[bytes], folder: Folder, say: Say) -> dict[str, Any]:
    with folder.supervisor_log.open(encoding="utf-8", errors="replace") as log:
        while True:
            ended = process.poll() is not None
            stack = folder.read_stack()
            for line in log:
                say(line.rstrip())
            if ended:
                raise StackError(f"The stack did not come up; all it said is in {folder.supervisor_log}.")
            if stack.get("state") == "up" and stack["supervisor"]["pid"] == process.pid:
                return stack
            time.sleep(0.1)


def _supervisor(stack: dict[str, Any]) -> Identity | None:
    entry = stack.get("supervisor")
    return Identity(entry["pid"], entry["started"]) if entry else None


def _main() -> None:
    """The background supervisor: `python -m deploy.local.stack --data DIR ...`."""
    import argparse

    parser = argparse.ArgumentParser()
    for name in ("--data", "--mongo", "--kafka", "--oidc", "--only", "--more", "--nodes", "--while-pid"):
        parser.add_argument(name)
    given = parser.parse_args()
    request = Request(
        data=Path(given.data),
        mongo=given.mongo,
        kafka=given.kafka,
        oidc=given.oidc,
        only=tuple(given.only.split(",")) if given.only else (),
        more=tuple(given.more.split(",")) if given.more else (),
        nodes=int(given.nodes) if given.nodes else None,
        while_pid=int(given.while_pid) if given.while_pid else None,
    )
    try:
        run(request, lambda sentence: print(sentence, flush=True))
    except StackError as error:
        print(error, flush=True)
        raise SystemExit(1) from None


if __name__ == "__main__":
    _main()
