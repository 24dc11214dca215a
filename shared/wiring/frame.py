"""One shape for every service's `app.py`: what it wires becomes its HTTP application, its worker, its command line."""

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.bus.inbox import Subscription
from shared.bus.timers import Timer
from shared.bus.worker import Plan
from shared.clock import Clock, Ids, new_id, utc_now
from shared.http.app import Dialect, ServiceApp
from shared.http.door import Door
from shared.jobs.job import Kind
from shared.jobs.runner import Runner
from shared.jobs.store import Jobs
from shared.storage.group import Resolver
from shared.storage.lease import Lease
from shared.wiring.job_list import jobs_door
from shared.wiring.manifest import Manifest
from shared.wiring.operations import operations_door
from shared.wiring.process import run
from shared.wiring.runtime import Runtime, Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Wired:
    """What a service is made of, given its settings and connections. The API and the worker take what is theirs.

    `resolvers` answer questions of a group of writes in its transaction, `apart` those that nobody else waits for.
    `dialects` tell problems below an address in another form than ours.
    `stamp` gives positions in a feed, under the relay's lease. `beside` runs in a thread of the API until it closes.
    """

    doors: Sequence[Door]
    subscriptions: Sequence[Subscription] = ()
    timers: Sequence[Timer] = ()
    jobs: Sequence[Kind] = ()
    resolvers: Mapping[type, Resolver] = field(default_factory=dict)
    apart: Mapping[type, Callable[[Any], Any]] = field(default_factory=dict)
    origins: Callable[[str | None, str], bool] | None = None
    dialects: Mapping[str, Dialect] = field(default_factory=dict)
    stamp: Callable[[Lease], int] | None = None
    beside: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A service: its storage, and `wire`, which builds its parts on the open connections of one process."""

    service: Service
    wire: Callable[[Runtime], Wired]

    def create_app(self, *, clock: Clock = utc_now, ids: Ids = new_id) -> ServiceApp:
        """The HTTP application, for gunicorn. Call it after the fork."""
        runtime = Runtime(self.service, clock=clock, ids=ids)
        wired = self._wired(runtime)
        if wired.beside is not None:
            threading.Thread(target=wired.beside, name="beside", daemon=True).start()
        jobs = jobs_door(runtime.service.name, lambda work: Jobs(work or runtime.work()))
        doors = [*wired.doors, jobs, operations_door(_plan(runtime, wired), clock)]
        return runtime.app(
            doors, resolvers=wired.resolvers, apart=wired.apart, origins=wired.origins, dialects=wired.dialects
        )

    def wire_worker(self) -> tuple[Runtime, Plan]:
        """What the worker process runs: relay, consumers, timers and jobs."""
        runtime = Runtime(self.service)
        return runtime, _plan(runtime, self._wired(runtime))

    def runner(self, runtime: Runtime) -> Runner:
        """What carries on this service's jobs."""
        return _runner(runtime, self._wired(runtime))

    def main(self) -> None:
        """The command line of a process: `python -m services.x_service worker`, or `rebuild READ-MODEL`."""
        run(self.wire_worker, sys.argv[1:])

    def _wired(self, runtime: Runtime) -> Wired:
        wired = self.wire(runtime)
        check(self.service, wired)
        return wired


def check(service: Service, wired: Wired) -> None:
    """ValueError unless the manifest says what is wired: a name that stands in one of the two only is a mistake."""
    manifest = service.manifest
    pairs = {
        "subscriptions": (manifest.subscriptions, [one.name for one in wired.subscriptions]),
        "timers": (manifest.timers, [one.name for one in wired.timers]),
        "jobs": (manifest.jobs, [one.name for one in wired.jobs]),
        "migrations": (manifest.migrations, [one.name for one in service.migrations]),
    }
    for kind, (said, found) in pairs.items():
        if sorted(said) != sorted(found):
            raise ValueError(f"{manifest.package}.manifest says {kind} {sorted(said)}; wired are {sorted(found)}.")
    paths = [route.path for door in wired.doors for route in door]
    if strangers := [path for path in paths if not owns(manifest, path)]:
        raise ValueError(f"{manifest.package}.manifest has no segment for {', '.join(strangers)}.")


def owns(manifest: Manifest, path: str) -> bool:
    """Whether the gateway leads this address to the service."""
    first, second = [*path.removeprefix("/").split("/"), ""][:2]
    if first == "v1":
        return second.split(".")[0] in {manifest.name, *manifest.segments}
    return manifest.pages or first in manifest.outside


def _plan(runtime: Runtime, wired: Wired) -> Plan:
    runs = {"jobs": _runner(runtime, wired).run} if wired.jobs else {}
    return runtime.plan(wired.subscriptions, wired.timers, wired.stamp, runs)


def _runner(runtime: Runtime, wired: Wired) -> Runner:
    return Runner(runtime.client, runtime.database, runtime.work, wired.jobs)
