"""What `clusterskills demo` does: start the stack, seed it, walk the journey, and stay up for somebody to look around."""

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clusterskills import seed
from clusterskills.client import ApiError
from clusterskills.demo.cast import Cast
from clusterskills.demo.journey import Journey, Step, StepFailed
from clusterskills.demo.seeding import seed_everything
from clusterskills.output import saying
from clusterskills.seed.real_courses import Terms, data_folder, real_courses
from deploy.local import stack
from shared.bus.tail import Witness
from shared.schemas.registry import topics

_OWN_COURSE = "heilbronn-simulation-basics"
_PROVIDER, _AWARDING_BODY = "musterakademie-heilbronn", "wfr-heilbronn"
REAL_DATA = "CLUSTERSKILLS_DATA"


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


def run(folder: Path, *, stay: bool, as_json: bool = False) -> bool:
    """Start, seed and walk; with `stay` wait for somebody to end it. Returns whether all went well."""
    say = saying(as_json)
    begun = time.monotonic()
    facts = stack.start_in_background(stack.Request(folder, None, None, None, ()), say)
    say(f"The stack is up after {time.monotonic() - begun:.1f} s.")
    try:
        cast = Cast(facts)
        try:
            seeded = time.monotonic()
            seed_everything(cast, lambda line: say(f"Seed: {line}"))
            say(f"Seeded in {time.monotonic() - seeded:.1f} s.")
            good = walk(cast, say)
        except ApiError as error:
            say(f"Seeding FAILED: {error}")
            good = False
        finally:
            cast.close()
        say("\nEvery step went as promised." if good else "\nThe journey FAILED.")
        if stay:
            _show(facts, say)
            _wait_for_interrupt()
    finally:
        stopping = time.monotonic()
        stack.stop(folder)
        say(f"Stopped after {time.monotonic() - stopping:.1f} s.")
    return good


def _show(facts: dict[str, Any], say: Callable[[str], None]) -> None:
    say(f"\nOpen {facts['url']}  (or {facts['https_url']}, CA {facts['ca_file']})")
    say(f"API documentation: {facts['url']}/docs   Verify a certificate: {facts['url']}/verify")
    say(f"Mails that were sent (shown to this machine only): {facts['url']}/mail")
    say("\nOne login per role; `clusterskills logins` lists them all:")
    for role, login in {login["role"]: login for login in reversed(facts["logins"])}.items():
        say(f"  {role:12} {login['username']:36} {login['password']}")
    say("Ctrl-C stops everything.")


def _wait_for_interrupt() -> None:
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    while not asked.wait(1.0):
        pass


@contextmanager
def folder_of(data: Path | None, once: bool) -> Iterator[Path]:
    """The folder of the stack; for one walk a fresh one that goes with it."""
    if data is not None or not once:
        yield data or stack.DEFAULT_DATA
        return
    folder = Path(tempfile.mkdtemp(prefix="clusterskills-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
