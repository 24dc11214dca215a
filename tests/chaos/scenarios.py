"""The faults, each under load. A scenario hurts something for about `seconds` and leaves a system that can settle."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

import psutil
from bson import decode, encode
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from shared.bus.generations import Generations
from shared.bus.held import DEAD, list_dead
from shared.bus.rebuild import rebuild
from shared.storage.transaction import in_transaction
from shared.storage.work import Duplicate, Raced, UnitOfWork
from tests.chaos.arena import Arena, freeze, thaw, wait_for
from tests.chaos.member import MODEL
from tests.chaos.probe import CONSUMER, EFFECTS, counting, happen

Scenario = Callable[[Arena, float], None]

GRACEFUL_SECONDS = 10.0
LEASE = 1.0


def mongod_is_killed(arena: Arena, seconds: float) -> None:
    """SIGKILL of MongoDB, again and again."""
    _pair(arena)
    with arena.load(threads=16, pause=0.05):
        wait_for(lambda: arena.effects_total() > 0)
        _repeat(seconds, lambda: _restart(arena, "mongo"), every=1.5)


def kafka_is_killed(arena: Arena, seconds: float) -> None:
    """SIGKILL of the broker, again and again."""
    _pair(arena)
    with arena.load():
        wait_for(lambda: arena.effects_total() > 0)
        _repeat(seconds, lambda: _restart(arena, "kafka"), every=3.0)


def relay_is_killed(arena: Arena, seconds: float) -> None:
    """SIGKILL of the relay, again and again."""
    arena.spawn("consumer")
    _keep_killing(arena, "relay", seconds, lease_seconds=LEASE)


def consumer_is_killed(arena: Arena, seconds: float) -> None:
    """SIGKILL of one consumer of two, again and again."""
    _pair(arena)
    _keep_killing(arena, "consumer", seconds)


def consumer_dies_before_its_offset_commit(arena: Arena, seconds: float) -> None:
    """The effects are committed, the offset is not: everything comes again."""
    _keep_dying(arena, "dies_at_commit", seconds, patience=20)


def consumer_dies_in_its_transaction(arena: Arena, seconds: float) -> None:
    """It has written and not committed: nobody else can write there until MongoDB gives its transaction up."""
    _keep_dying(arena, "dies_in_transaction", seconds, patience=30)


def kafka_is_away(arena: Arena, seconds: float) -> None:
    """Writes go on without a broker."""
    _pair(arena)
    with arena.load():
        wait_for(lambda: arena.effects_total() > 0)
        arena.engines.kill("kafka")
        arena.pauses.clear()
        time.sleep(seconds)
        _assert_no_write_waited(arena, 2.0)
        arena.engines.restart("kafka")


def kafka_is_away_for_an_hour(arena: Arena, seconds: float) -> None:
    """As many failed tries as in an hour (14 for each of 120 seconds, with short pauses): the worker keeps nothing of
    them, and everything arrives after."""
    worker = psutil.Process(arena.spawn("worker", hasty=True).pid)
    with arena.load():
        wait_for(lambda: arena.effects_total() > 0)
        arena.engines.kill("kafka")
        before = _most_held(arena, worker, tries=10)
        _await_tries(arena, int(14 * seconds))
        # The client leaves sockets that failed to the garbage collector: what is held swings, and comes back.
        few = 8  # what one try has in its hands: another moment of it, not another try
        flat = wait_for(lambda: all(now < then + few for now, then in zip(_held(worker), before, strict=True)))
        after = _held(worker)
        arena.engines.restart("kafka")
    assert flat, f"{before} became {after}"


def kafka_loses_its_data(arena: Arena, seconds: float) -> None:
    """The log is gone while writes go on; the relay finds that and fills it again from the outbox."""
    _pair(arena)
    with arena.load():
        wait_for(lambda: arena.effects_total() > 0)
        time.sleep(seconds / 2)
        arena.engines.lose_kafka_data()
        time.sleep(seconds / 2)


def relay_freezes(arena: Arena, seconds: float) -> None:
    """The relay sleeps, another takes the lease, the first wakes up and goes on where it was."""
    relays = [arena.spawn("relay", lease_seconds=LEASE) for _ in range(2)]
    arena.spawn("consumer")
    with arena.load():
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for sleeper in relays:
                time.sleep(random.uniform(0.1, 0.6))
                freeze(sleeper)
                time.sleep(LEASE + 0.5)
                thaw(sleeper)


def wakeup_is_lost(arena: Arena, seconds: float) -> None:
    """The bell is cut off under the relay, again and again; then nothing rings any more: it is only a bell."""
    _pair(arena)
    cut = 0
    admin = arena.client.admin.with_options(read_concern=ReadConcern("local"))
    ours = {"ns": f"{arena.database.name}.wakeups", "cursor.cursorId": {"$exists": True}}

    def kill_cursors() -> None:
        nonlocal cut
        found = list(admin.aggregate([{"$currentOp": {"idleCursors": True}}, {"$match": ours}]))
        if found:
            arena.database.command({"killCursors": "wakeups", "cursors": [row["cursor"]["cursorId"] for row in found]})
            cut += len(found)

    with arena.load():
        wait_for(lambda: arena.effects_total() > 0)
        _repeat(seconds, kill_cursors, every=0.2)
    assert cut, "No bell was there to be cut off."
    arena.settle()
    with _nothing_rings(arena):
        for _ in range(3):
            arena.write(arena.keys)
            assert wait_for(lambda: arena.effects_total() >= arena.expected.total()), "Nobody looked without a bell."


@contextmanager
def _nothing_rings(arena: Arena) -> Iterator[None]:
    """MongoDB refuses whatever would ring, and nobody hears of that."""
    arena.database.command({"collMod": "wakeups", "validator": {"$expr": False}})
    rung = arena.database["wakeups"].find_one(sort=[("$natural", -1)])
    yield
    assert arena.database["wakeups"].find_one(sort=[("$natural", -1)]) == rung, "It rang."


def transactions_overlap(arena: Arena, seconds: float) -> None:
    """Transactions that began early commit late: their events carry older times and ids than what was sent."""
    _pair(arena)
    over = threading.Event()

    def slow_client(key: str) -> None:
        while not over.is_set():
            work = UnitOfWork(arena.database, arena.writes._clock, "/probe")
            happen(arena.topic, [key])(work)

            def flush_and_dawdle(session: object, work: UnitOfWork = work) -> None:
                work.flush(session)  # type: ignore[arg-type]
                time.sleep(random.uniform(0.0, 0.4))

            try:
                in_transaction(arena.client, flush_and_dawdle)
            except (Raced, Duplicate, PyMongoError):
                continue
            with arena._counting:
                arena.expected[f"{arena.topic}/{key}"] += 1

    slow = [threading.Thread(target=slow_client, args=(f"slow{n}",), daemon=True) for n in range(12)]
    for each in slow:
        each.start()
    with arena.load(threads=2):
        time.sleep(seconds)
    over.set()
    for each in slow:
        each.join(10)


def worker_is_stopped(arena: Arena, seconds: float) -> None:
    """SIGTERM under load, again and again: graceful, and in time."""
    worker = arena.spawn("worker")
    with arena.load():
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            before = arena.effects_total()
            wait_for(lambda before=before: arena.effects_total() > before)  # type: ignore[misc]
            worker = _stop_in_time(arena, worker)


def worker_is_stopped_while_kafka_is_away(arena: Arena, seconds: float) -> None:
    """SIGTERM in the middle of an outage."""
    worker = arena.spawn("worker")
    with arena.load():
        wait_for(lambda: arena.effects_total() > 0)
        arena.engines.kill("kafka")
        time.sleep(seconds / 2)
        try:
            _stop_in_time(arena, worker)
        finally:
            arena.engines.restart("kafka")


def worker_is_stopped_while_kafka_hangs(arena: Arena, seconds: float) -> None:
    """SIGTERM while the broker keeps its connections and answers nothing."""
    worker = arena.spawn("worker")
    with arena.load():
        wait_for(lambda: arena.effects_total() > 0)
        arena.engines.freeze("kafka")
        try:
            time.sleep(seconds / 2)
            _stop_in_time(arena, worker)
        finally:
            arena.engines.thaw("kafka")


def poison_comes(arena: Arena, seconds: float) -> None:
    """Poison bars its key and no other. One key is mended and replayed, one is discarded, while more keeps coming."""
    _pair(arena)
    mended, discarded = arena.keys[:2]
    with arena.load():
        time.sleep(0.5)
        for key in (mended, discarded):
            arena.write([key], poison=True)
        time.sleep(seconds / 2)
        wait_for(lambda: len(list_dead(arena.database)) == 2)
        plan = arena.member.plan()
        # The operations' door: another process than the consumer's, with the mended handler.
        inbox = plan.inbox(counting(arena.topic, mended=True))
        for letter in list_dead(arena.database):
            drop = letter.id if letter.record.key == discarded else None
            inbox.release(letter.aggregate, discard=drop)
            if drop:
                arena.discarded.add((letter.aggregate, letter.record.order))
        plan.client.close()
        time.sleep(seconds / 2)


def names_come_late(arena: Arena, seconds: float) -> None:
    """Probes name aggregates of another topic whose events come later, or just then."""
    arena.spawn("relay")
    arena.spawn("consumer", named=arena.named)
    until, number = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        number += 1
        name, keys = f"late{number}", random.sample(arena.keys, 3)
        arena.write(keys, names=name)
        arena.write(keys[:1])
        time.sleep(random.choice((0.0, 0.02, 0.3)))
        arena.write([name], topic=arena.named)
    assert arena.database["held_events"].count_documents({"state": DEAD}) == 0


def read_model_is_rebuilt(arena: Arena, seconds: float) -> None:
    """Rebuilt from zero while events keep coming; then once more at rest: byte for byte the same."""
    worker = arena.spawn("worker", event_time=True)
    plan = arena.member.plan()
    subscription = counting(arena.topic, event_time=True)

    def build() -> None:
        rebuild(plan.client, plan.database, plan.kafka, plan.source, subscription, MODEL, lambda _aliases: None)

    with arena.load():
        time.sleep(seconds / 2)
        build()
        time.sleep(seconds / 2)
    generation = plan.generations().present(CONSUMER)
    present = plan.database[MODEL.aliases(generation)[EFFECTS]]
    wait_for(lambda: sum(len(row["ns"]) for row in present.find()) >= arena.expected.total())
    worker.terminate()
    worker.join()
    before = _bytes_of(arena, present.name)
    build()
    generations = Generations(arena.database, [MODEL])
    after = generations.aliases()[EFFECTS]
    assert after != present.name, "nothing was rebuilt"
    differing = [(decode(a), decode(b)) for a, b in zip(before, _bytes_of(arena, after), strict=True) if a != b]
    assert not differing, f"{len(differing)} documents differ, the first: {differing[0]}"
    plan.client.close()
    arena.database[after].rename(EFFECTS, dropTarget=True)


def one_broker_of_three_is_killed(arena: Arena, seconds: float) -> None:
    """The others go on; then the next one."""
    _pair(arena)
    with arena.load():
        wait_for(lambda: arena.effects_total() > 0)
        for name in ("kafka-2", "kafka-1"):
            arena.engines.kill(name)
            before = arena.effects_total()
            time.sleep(seconds / 2)
            assert wait_for(lambda before=before: arena.effects_total() > before, 30), "nothing moved"  # type: ignore[misc]
            arena.engines.restart(name)


# -- small things


def _assert_no_write_waited(arena: Arena, seconds: float) -> None:
    longest = max(arena.pauses)
    assert longest < seconds, f"A write waited {longest:.1f} s while Kafka was away."


def _most_held(arena: Arena, worker: psutil.Process, *, tries: int) -> tuple[int, int]:
    """The most descriptors and threads that the worker had during so many tries."""
    until, most = arena.tries() + tries, (0, 0)

    def look() -> bool:
        nonlocal most
        descriptors, threads = _held(worker)
        most = max(most[0], descriptors), max(most[1], threads)
        return arena.tries() >= until

    assert wait_for(look, 60, every=0.005), "nothing was tried"
    return most


def _held(worker: psutil.Process) -> tuple[int, int]:
    return worker.num_fds(), worker.num_threads()


def _await_tries(arena: Arena, number: int) -> None:
    until = arena.tries() + number
    assert wait_for(lambda: arena.tries() >= until, 600), "nothing was tried"


def _pair(arena: Arena) -> None:
    arena.spawn("relay")
    arena.spawn("consumer")


def _repeat(seconds: float, hurt: Callable[[], None], *, every: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(every * random.uniform(0.5, 1.0))
        hurt()


def _restart(arena: Arena, name: str) -> None:
    arena.engines.kill(name)
    arena.engines.restart(name)


def _keep_killing(arena: Arena, role: str, seconds: float, **options: float) -> None:
    victim = arena.spawn(role, **options)
    with arena.load():
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(random.uniform(1.0, 2.5))
            victim.kill()
            victim.join()
            victim = arena.spawn(role, **options)


def _keep_dying(arena: Arena, how: str, seconds: float, *, patience: float) -> None:
    """One consumer after the other kills itself at its first to fourth chance; the last one lives."""
    arena.spawn("relay")
    with arena.load():
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            doomed = arena.spawn("consumer", **{how: random.randint(1, 4)})
            doomed.join(patience)
            doomed.kill()
            doomed.join()
            assert doomed.exitcode == -signal.SIGKILL
    arena.spawn("consumer")


def _stop_in_time(arena: Arena, worker: BaseProcess) -> BaseProcess:
    """SIGTERM; its successor stands ready. Returns that."""
    successor = arena.spawn("worker")
    asked = time.monotonic()
    worker.terminate()
    worker.join(30)
    assert worker.exitcode == 0
    took = time.monotonic() - asked
    assert took < GRACEFUL_SECONDS, f"The worker took {took:.1f} s to stop."
    return successor


def _bytes_of(arena: Arena, collection: str) -> list[bytes]:
    return [encode(row) for row in arena.database[collection].find().sort("_id")]
