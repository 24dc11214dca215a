"""Kafka's answer to a metadata request of version 1, read by hand: the launcher loads no Kafka client."""

from __future__ import annotations

import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a broker knows of its cluster: the living brokers' ports, and how many partitions miss a copy."""

    ports: frozenset[int]
    behind: int

    @classmethod
    def read(cls, answer: bytes) -> Metadata:
        """Read it out of the bytes after their length."""
        fields = _Fields(answer)
        fields.number()  # the request's number
        ports = frozenset(_broker(fields) for _ in range(fields.number()))
        fields.number()  # the controller
        return cls(ports, sum(_topic(fields) for _ in range(fields.number())))


class _Fields:
    """The fields of an answer, one after the other."""

    def __init__(self, answer: bytes) -> None:
        self._answer, self._at = answer, 0

    def number(self) -> int:
        return int(self._next(">i", 4))

    def small(self) -> int:
        return int(self._next(">h", 2))

    def skip(self, size: int) -> None:
        self._at += max(0, size)

    def numbers(self) -> list[int]:
        return [self.number() for _ in range(self.number())]

    def _next(self, kind: str, size: int) -> int:
        value: int = struct.unpack_from(kind, self._answer, self._at)[0]
        self._at += size
        return value


def _broker(fields: _Fields) -> int:
    fields.number()  # its number
    fields.skip(fields.small())  # host
    port = fields.number()
    fields.skip(fields.small())  # rack
    return port


def _topic(fields: _Fields) -> int:
    """Return how many partitions of the topic miss a copy."""
    fields.small()  # error
    fields.skip(fields.small())  # name
    fields.skip(1)  # internal
    return sum(_misses_a_copy(fields) for _ in range(fields.number()))


def _misses_a_copy(fields: _Fields) -> bool:
    fields.small()  # error
    fields.number()  # partition
    fields.number()  # leader
    return len(fields.numbers()) > len(fields.numbers())
