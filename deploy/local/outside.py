"""Engines that exist already and are used instead of ours: `--mongo`, `--kafka`, `--oidc`."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from deploy.local.errors import StackError


@dataclass(frozen=True, slots=True)
class Oidc:
    """An OpenID Connect provider: what it writes into tokens, and where keys and tokens come from."""

    issuer: str
    jwks_url: str
    token_url: str


@dataclass(frozen=True, slots=True)
class Outside:
    """What is there already; None means: ours."""

    mongo: str | None = None
    kafka: str | None = None
    oidc: Oidc | None = None


def check(mongo: str | None, kafka: str | None, oidc: str | None) -> Outside:
    """Try each address that was given; raise StackError for the first one that does not answer as it must."""
    if mongo:
        _check_mongo(mongo)
    if kafka:
        _check_kafka(kafka)
    return Outside(mongo, kafka, _discover(oidc) if oidc else None)


def _check_mongo(url: str) -> None:
    from pymongo import MongoClient  # most starts need neither this nor httpx below, and both load slowly
    from pymongo.errors import PyMongoError

    try:
        with MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=5_000) as client:
            answer = client.admin.command("hello")
    except PyMongoError as error:
        raise StackError(f"No MongoDB answers at --mongo {url}: {str(error)[:200]}") from error
    if "setName" not in answer and answer.get("msg") != "isdbgrid":
        raise StackError(f"The MongoDB at {url} is no replica set; transactions and change streams need one.")


def _check_kafka(bootstrap: str) -> None:
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=5):
                return
        except (OSError, ValueError):
            continue
    raise StackError(f"No Kafka broker answers at --kafka {bootstrap} (host:port, comma separated).")


def _discover(issuer: str) -> Oidc:
    import httpx

    address = issuer.rstrip("/") + "/.well-known/openid-configuration"
    try:
        answer = httpx.get(address, timeout=10).raise_for_status().json()
        return Oidc(answer["issuer"], answer["jwks_uri"], answer["token_endpoint"])
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise StackError(f"No OpenID Connect provider answers at --oidc {issuer}: {error}") from error
