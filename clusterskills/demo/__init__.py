"""`clusterskills demo`: start the stack, seed it, walk the journey, and stay up for somebody to look around."""

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from clusterskills import seed
from clusterskills.client import ApiError
from clusterskills.demo.cast import Cast
from clusterskills.demo.journey import Journey, Step, StepFailed
from clusterskills.demo.seeding import seed_everything
from clusterskills.seed.real_courses import Terms, data_folder, real_courses
from deploy.local import stack
from deploy.local.errors import StackError
from shared.bus.tail import Witness
from shared.schemas.registry import topics

_console = Console(highlight=False, soft_wrap=True)
_OWN_COURSE = "heilbronn-simulation-basics"
_PROVIDER, _AWARDING_BODY = "musterakademie-heilbronn", "wfr-heilbronn"
REAL_DATA = "CLUSTERSKILLS_DATA"


def register(app: typer.Typer) -> None:
    """Add `demo` to the program."""
    app.command()(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="Walk the journey, stop everything, say by exit code.")] = False,
    data: Annotated[Path | None, typer.Option("--data", help="The stack's folder; with --once a new one.")] = None,
) -> None:
    """Start the whole platform with sample data and walk one course from draft to verified certificate."""
    try:
        with _folder(data, once) as folder:
            good = _run(folder, stay=not once)
    except StackError as error:
        _console.print(str(error), markup=False)
        raise typer.Exit(1) from error
    if not good:
        raise typer.Exit(1)


def courses_to_walk(environment: Any = os.environ) -> list[seed.Course]:
    """A course of the seed, and where real records are at hand, one of each source."""
    own = next(course for course in seed.courses() if course.external_id == _OWN_COURSE)
    if not environment.get(REAL_DATA):
        return [own]
    found = real_courses(data_folder(environment), Terms(provider=_PROVIDER, awarding_body=_AWARDING_BODY))
    by_source: dict[bool, seed.Course] = {}
    for course in found.courses:
        by_source.setdefault(course.eqf_level is None, course)
    return [own, *by_source.values()]


def walk(cast: Cast, say: Callable[[str], None]) -> bool:
    """Walk the journey with each course; says each step. Returns whether all went well."""
    witness = Witness(cast.kafka(), topics())
    witness.start()
    try:
        # Every journey is walked, also after one that failed.
        outcomes = [_walk_one(cast, witness, course, say) for course in courses_to_walk()]
        return all(outcomes)
    finally:
        witness.close()


def _walk_one(cast: Cast, witness: Witness, course: seed.Course, say: Callable[[str], None]) -> bool:
    title = course.title[course.default_language]
    say(f"\nThe journey of “{title}” ({course.external_id})")
    numbers = iter(range(1, 100))

    def tell(step: Step) -> None:
        event = f"  [{step.event}]" if step.event else ""
        say(f"{next(numbers):3}. {step.what}\n     {step.who}, {step.seconds * 1000:.0f} ms{event}")

    try:
        Journey(cast, witness, course, tell).run()
    except (StepFailed, ApiError, TimeoutError) as error:
        say(f"{next(numbers):3}. FAILED: {error}")
        return False
    return True


def _run(folder: Path, *, stay: bool) -> bool:
    begun = time.monotonic()
    facts = stack.start_in_background(stack.Request(folder, None, None, None, ()), _say)
    _say(f"The stack is up after {time.monotonic() - begun:.1f} s.")
    try:
        cast = Cast(facts)
        try:
            seeded = time.monotonic()
            seed_everything(cast, lambda line: _say(f"Seed: {line}"))
            _say(f"Seeded in {time.monotonic() - seeded:.1f} s.")
            good = walk(cast, _say)
        except ApiError as error:
            _say(f"Seeding FAILED: {error}")
            good = False
        finally:
            cast.close()
        _say("\nEvery step went as promised." if good else "\nThe journey FAILED.")
        if stay:
            _show(facts)
            _wait_for_interrupt()
    finally:
        stopping = time.monotonic()
        stack.stop(folder)
        _say(f"Stopped after {time.monotonic() - stopping:.1f} s.")
    return good


def _show(facts: dict[str, Any]) -> None:
    _say(f"\nOpen {facts['url']}  (or {facts['https_url']}, CA {facts['ca_file']})")
    _say(f"API documentation: {facts['url']}/docs   Verify a certificate: {facts['url']}/verify")
    table = Table("role", "sign in as", "password", title="One login per role")
    shown: set[str] = set()
    for login in facts["logins"]:
        if login["role"] not in shown:
            shown.add(login["role"])
            table.add_row(login["role"], login["username"], login["password"])
    _console.print(table)
    _say("Ctrl-C stops everything.")


def _wait_for_interrupt() -> None:
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    while not asked.wait(1.0):
        pass


@contextmanager
def _folder(data: Path | None, once: bool) -> Iterator[Path]:
    """The folder of the stack; for one walk a fresh one that goes with it."""
    if data is not None or not once:
        yield data or stack.DEFAULT_DATA
        return
    folder = Path(tempfile.mkdtemp(prefix="clusterskills-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _say(line: str) -> None:
    _console.print(line, markup=False)
