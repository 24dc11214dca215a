"""MongoDB as rows of the table: a replica set of one or three, so that transactions and change streams work."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local import programs
from deploy.local.part import Part

_SET = "rs0"
_TRANSACTION_SECONDS = 5
"""A process that dies in the middle of a transaction keeps others from what it wrote for so long; the default is 60."""
_ELECTION = {"electionTimeoutMillis": 2_000, "heartbeatIntervalMillis": 500}
"""A primary that is gone is missed after this long; MongoDB's own default is 10 s."""
_ASKED_WITHIN_MS = 5_000


@dataclass(frozen=True, slots=True)
class Member:
    """One MongoDB server of the set: its name, its port and its folder."""

    name: str
    port: int
    folder: Path


def part(data: Path, port: int, name: str = "mongo") -> Part:
    """Return the row for a MongoDB that is a set of its own."""
    return parts([Member(name, port, data)])[0]


def parts(members: Sequence[Member]) -> list[Part]:
    """Return the rows for these servers, which form one replica set."""
    return [_part(member, members) for member in members]


def url(*ports: int) -> str:
    """Return the address for clients."""
    return f"mongodb://{_hosts(ports)}/?replicaSet={_SET}"


def _hosts(ports: Sequence[int]) -> str:
    return ",".join(f"127.0.0.1:{port}" for port in ports)


def _part(member: Member, members: Sequence[Member]) -> Part:
    return Part(
        name=member.name,
        command=_command(member, len(members)),
        ports={member.name: member.port},
        prepare=lambda: member.folder.mkdir(parents=True, exist_ok=True),
        healthy=lambda: _is_well(member, members),
        answers=lambda: _hello(member.port, _ASKED_WITHIN_MS) is not None,
        settled=lambda: all(_is_well(each, members) for each in members),
        leave=lambda: _hand_over(member),
        hung_after=20,
        engine=True,
        within=60,
        patience=4,
    )


def _command(member: Member, count: int) -> tuple[str, ...]:
    return (
        str(programs.mongod()),
        *("--dbpath", str(member.folder), "--port", str(member.port), "--bind_ip", "127.0.0.1", "--nounixsocket"),
        *("--replSet", _SET, "--oplogSize", "1024", "--wiredTigerCacheSizeGB", "0.5" if count == 1 else "0.25"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false", "--quiet"),
        *("--setParameter", f"transactionLifetimeLimitSeconds={_TRANSACTION_SECONDS}"),
        # Asked to stop, it has nobody to wait for: who still asks is told so and asks the others.
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
    )


def _is_well(member: Member, members: Sequence[Member]) -> bool:
    """Say whether the server does its part: takes writes, or follows the one that does. A new set is made on the way."""
    answer = _hello(member.port, 500)
    if answer is None:
        return False
    if answer.get("isreplicaset"):  # says: meant to be one, but has no configuration yet
        if member is members[0]:
            _initiate(members)
        return False
    return bool(answer.get("isWritablePrimary") or (answer.get("secondary") and answer.get("primary")))


def _initiate(members: Sequence[Member]) -> None:
    """Make the set; it is refused while not all of it is there."""
    hosts = [f"127.0.0.1:{member.port}" for member in members]
    _tell(members[0].port, "replSetInitiate", configuration(hosts))


def configuration(hosts: Sequence[str]) -> dict[str, Any]:
    """Return what makes one set of these servers (host:port, as their clients reach them)."""
    rows = [{"_id": number, "host": host} for number, host in enumerate(hosts)]
    return {"_id": _SET, "members": rows} | ({"settings": _ELECTION} if len(hosts) > 1 else {})


def _hand_over(member: Member) -> None:
    """Let another server of the set take the writes, when this one does and there is another."""
    answer = _hello(member.port, _ASKED_WITHIN_MS) or {}
    if answer.get("isWritablePrimary") and len(answer.get("hosts", ())) > 1:
        _tell(member.port, "replSetStepDown", 30, secondaryCatchUpPeriodSecs=10)


def _hello(port: int, within_ms: int) -> dict[str, Any] | None:
    """Return what the server says of itself; None when it does not answer in time."""
    try:
        with _client(port, within_ms) as client:
            return client.admin.command("hello")
    except PyMongoError:
        return None


def _tell(port: int, command: str, *arguments: Any, **options: Any) -> None:
    with contextlib.suppress(PyMongoError), _client(port, 15_000) as client:
        client.admin.command(command, *arguments, **options)


def _client(port: int, within_ms: int) -> MongoClient[dict[str, Any]]:
    return MongoClient(
        "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=within_ms, socketTimeoutMS=within_ms
    )
