"""A power cut: Kafka's log comes back shorter than what it acknowledged, without a partition, or without its offsets."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos.arena import Arena, wait_for

_BACK_SECONDS = 60.0


def log_is_cut(arena: Arena, seconds: float) -> None:
    """Each log ends at some byte before its end."""
    _cut_power(arena, seconds, _cut)


def partition_is_gone(arena: Arena, seconds: float) -> None:
    """The folder of one partition is gone."""
    _cut_power(arena, seconds, lambda arena: shutil.rmtree(random.choice(_partitions(arena, arena.topic))))


def offsets_are_gone(arena: Arena, seconds: float) -> None:
    """Where the consumers were is gone, and the end of what they had read with it."""
    _cut_power(arena, seconds, _lose_offsets)


def power_is_cut_while_nobody_writes(arena: Arena, seconds: float) -> None:
    """What was lost comes back although nothing new is sent: a new consumer of the log finds all of it."""
    worker, until = arena.spawn("worker"), time.monotonic() + seconds
    while True:
        arena.write(arena.keys)
        assert wait_for(lambda: arena.effects_total() >= arena.expected.total(), _BACK_SECONDS)
        if restarts := random.random() < 0.5:
            worker.kill()
            worker.join()
        _damage(arena, random.choice((_cut, _lose_partitions)))
        if restarts:
            worker = arena.spawn("worker")
        assert wait_for(lambda: all(len(set(arena.log()[k])) == n for k, n in arena.expected.items()), _BACK_SECONDS)
        if time.monotonic() > until:
            return


def _cut_power(arena: Arena, seconds: float, damage: Callable[[Arena], None]) -> None:
    """Again and again under load; every other time the worker loses its power, too, and with it its memory."""
    worker, until = arena.spawn("worker"), time.monotonic() + seconds
    with arena.load():
        while True:
            before = arena.expected.total()
            assert wait_for(lambda before=before: arena.effects_total() > before, _BACK_SECONDS), "nothing moved"  # type: ignore[misc]
            time.sleep(random.uniform(0.0, 1.0))
            if restarts := random.random() < 0.5:
                worker.kill()
                worker.join()
            _damage(arena, damage)
            if restarts:
                worker = arena.spawn("worker")
            if time.monotonic() > until:
                return


def _damage(arena: Arena, damage: Callable[[Arena], None]) -> None:
    arena.engines.kill("kafka")
    damage(arena)
    arena.engines.restart("kafka")


def _cut(arena: Arena) -> None:
    for folder in _partitions(arena, arena.topic):
        for segment in folder.glob("*.log"):
            os.truncate(segment, random.randint(0, segment.stat().st_size))


def _lose_partitions(arena: Arena) -> None:
    for folder in _partitions(arena, arena.topic):
        shutil.rmtree(folder)


def _lose_offsets(arena: Arena) -> None:
    for folder in _partitions(arena, "__consumer_offsets"):
        shutil.rmtree(folder)
    _cut(arena)


def _partitions(arena: Arena, topic: str) -> list[Path]:
    return sorted((arena.engines.folder / "kafka-1" / "data").glob(f"{topic}-*"))
