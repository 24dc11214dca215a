"""`clusterskills events`: watch events, send them again, and look after those that were set aside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clusterskills.output import AsJson, Data, facts_of, refuse, say, show
from deploy.local import stack
from services import manifests

if TYPE_CHECKING:
    from shared.schemas.event import Envelope

commands = typer.Typer(help="Watch events, replay them, look after dead letters.", no_args_is_help=True)
SERVICES = tuple(sorted(service.name for service in manifests() if service.worker))


def register(app: typer.Typer) -> None:
    """Add `events` to the program."""
    app.add_typer(commands, name="events")


@commands.command()
def tail(
    data: Data = stack.DEFAULT_DATA,
    topic: Annotated[list[str] | None, typer.Option(help="Only these topics.")] = None,
    from_start: Annotated[bool, typer.Option("--from-start", help="Begin with the first event.")] = False,
    limit: Annotated[int, typer.Option(help="End after so many; 0 for never.")] = 0,
    _as_json: AsJson = True,
) -> None:
    """Print each event as one JSON line as it crosses, until Ctrl-C."""
    from shared.bus.kafka import KafkaSettings
    from shared.bus.tail import BrokerAway, follow
    from shared.schemas.registry import topics

    settings = KafkaSettings(kafka_bootstrap=facts_of(data)["kafka"])
    unknown = sorted(set(topic or []) - set(topics()))
    if unknown:
        refuse(f"No such topic: {', '.join(unknown)}. There are: {', '.join(topics())}.")
    seen = 0
    try:
        chosen = topic or topics()
        for envelope in follow(settings, chosen, from_start=from_start, stop=lambda: False, unreadable=_passed_over):
            typer.echo(_line(envelope))
            seen += 1
            if seen == limit:
                return
    except BrokerAway as error:
        refuse(error)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


@commands.command()
def replay(
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}, or all.")],
    data: Data = stack.DEFAULT_DATA,
    topic: Annotated[str | None, typer.Option(help="Only this topic.")] = None,
    key: Annotated[str | None, typer.Option(help="Only this aggregate.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send the outbox's events again: refills a broker that lost its data. Consumers drop what they have."""
    from shared.storage.mongo import connect
    from shared.storage.outbox import Outbox

    chosen = SERVICES if service == "all" else (service,)
    if not set(chosen) <= set(SERVICES):
        refuse(f"No such service: {service}. There are: {', '.join(SERVICES)}, all.")
    facts = facts_of(data)
    query = {name: value for name, value in (("topic", topic), ("key", key)) if value}
    client = connect(facts["mongo"])
    try:
        prefix = facts.get("database_prefix", "clusterskills_")
        counts = {name: Outbox(client, client[prefix + name]).replay(query) for name in chosen}
    finally:
        client.close()
    if as_json:
        show(counts)
    else:
        say("\n".join(f"{name}: {count} events will be sent again" for name, count in counts.items()))


@commands.command("dead-letters")
def dead_letters(
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")],
    data: Data = stack.DEFAULT_DATA,
    replay_id: Annotated[str | None, typer.Option("--replay", help="Apply this one and those behind it.")] = None,
    discard_id: Annotated[str | None, typer.Option("--discard", help="Drop this one; apply those behind it.")] = None,
    _as_json: AsJson = True,
) -> None:
    """List what was set aside for a person, a JSON line each; replay or discard one."""
    from clusterskills.client import ApiError
    from clusterskills.demo.cast import Cast

    cast = Cast(facts_of(data))
    operator = cast.program("platform-operator")
    base = f"/v1/{service}/operations/dead-letters"
    try:
        if replay_id or discard_id:
            verb = "replay" if replay_id else "discard"
            show(operator.post(f"{base}/{replay_id or discard_id}/{verb}").body)
            return
        for letter in operator.all(base):
            show(letter)
    except ApiError as error:
        refuse(error)
    finally:
        cast.close()


def _passed_over(sentence: str) -> None:
    # It quotes the record's headers, which may hold anything, a terminal's commands too.
    typer.echo(f"Not an event that this version can read: {sentence.encode('unicode_escape').decode()}", err=True)


def _line(envelope: Envelope) -> str:
    import msgspec

    shown = {
        "id": envelope.id,
        "type": envelope.type,
        "time": envelope.time,
        "trace": envelope.traceparent,
        "data": msgspec.to_builtins(envelope.event),
    }
    return msgspec.json.encode(shown).decode()
