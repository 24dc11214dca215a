"""Who may write and read which topics: Kafka's access lists, kept as they are told."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import KafkaError, NoError

from shared.bus.client import opened
from shared.bus.kafka import KafkaSettings

_ALL = ACLFilter(
    None,
    None,
    ACLOperation.ANY,
    ACLPermissionType.ANY,
    ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
)


@dataclass(frozen=True, slots=True)
class Right:
    """What one user may do: write some topics, read some, make both kinds; and use groups that begin with `groups`."""

    user: str
    writes: tuple[str, ...]
    reads: tuple[str, ...]
    groups: str


def give(settings: KafkaSettings, rights: Iterable[Right]) -> None:
    """Give these rights and take away all others. Raises KafkaError when that is refused or Kafka is away."""
    wanted = {entry for right in rights for entry in _entries(right)}
    options = {name: value for name, value in settings.client().items() if name != "metrics_enabled"}
    admin = opened(KafkaAdminClient, **options, request_timeout_ms=10_000)
    try:
        present, error = admin.describe_acls(_ALL)
        _require([error])
        _require(admin.create_acls(list(wanted - set(present)))["failed"])
        _require(error for _, _, error in admin.delete_acls(list(set(present) - wanted)))
    finally:
        admin.close()


def _entries(right: Right) -> Iterator[ACL]:
    for topic in {*right.writes, *right.reads}:
        yield _entry(right.user, ACLOperation.CREATE, _topic(topic))
    for topic in right.writes:
        yield _entry(right.user, ACLOperation.WRITE, _topic(topic))
    for topic in right.reads:
        yield _entry(right.user, ACLOperation.READ, _topic(topic))
    groups = ResourcePattern(ResourceType.GROUP, right.groups, ACLResourcePatternType.PREFIXED)
    yield _entry(right.user, ACLOperation.READ, groups)


def _topic(name: str) -> ResourcePattern:
    return ResourcePattern(ResourceType.TOPIC, name, ACLResourcePatternType.LITERAL)


def _entry(user: str, operation: ACLOperation, what: ResourcePattern) -> ACL:
    return ACL(f"User:{user}", "*", operation, ACLPermissionType.ALLOW, what)


def _require(answers: Iterable[type[KafkaError]]) -> None:
    for answer in answers:
        if answer is not NoError:
            raise answer
