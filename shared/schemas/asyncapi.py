"""AsyncAPI 3.0, made from the registry: every event, on its channel, as others may read it from Kafka.

`python -m shared.schemas.asyncapi` prints it.
"""

import json
import sys
from collections import defaultdict
from datetime import datetime
from typing import Any, get_args, get_type_hints

import msgspec

from shared.schemas.codec import SPEC_VERSION
from shared.schemas.event import Event, topic_of
from shared.schemas.registry import all_events, publisher_of

_REF = "#/components/schemas/{name}"
_COMMON = "cloudEvent"


def document(version: str = "1.0.0") -> dict[str, Any]:
    """The whole document as plain data. Channels are topics; the key of each record is the aggregate's id."""
    events = all_events()
    kinds = list(events.values())
    _, schemas = msgspec.json.schema_components(kinds, ref_template=_REF)
    for kind in kinds:
        _name_times(schemas[kind.__name__], kind)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "ClusterSkills events",
            "version": version,
            "description": "CloudEvents 1.0 in Kafka binary mode. Topics keep everything; each aggregate's events follow "
            "each other in one partition, numbered by `ce_sequence`. Delivery is at least once: drop a `ce_id` seen before.",
        },
        "defaultContentType": "application/json",
        "channels": _channels(events),
        "operations": _operations(events),
        "components": {
            "messages": {name: _message(name, kind) for name, kind in events.items()},
            "messageTraits": {_COMMON: {"headers": _headers()}},
            "schemas": schemas,
        },
    }


def _name_times(schema: dict[str, Any], kind: type[Event]) -> None:
    """The generator leaves the format of times out, because it cannot know that ours carry a zone."""
    for name, hint in get_type_hints(kind).items():
        if datetime in (hint, *get_args(hint)):
            found = schema["properties"][name]
            (found["anyOf"][0] if "anyOf" in found else found)["format"] = "date-time"


def _channels(events: dict[str, type[Event]]) -> dict[str, Any]:
    by_topic: dict[str, dict[str, Any]] = defaultdict(dict)
    for name in events:
        by_topic[topic_of(name)][name] = {"$ref": f"#/components/messages/{name}"}
    return {
        topic: {
            "address": topic,
            "description": f"Everything that happened to each {topic.replace('_', ' ')}.",
            "messages": messages,
            "bindings": {"kafka": {"topic": topic, "topicConfiguration": {"retention.ms": -1, "retention.bytes": -1}}},
        }
        for topic, messages in sorted(by_topic.items())
    }


def _operations(events: dict[str, type[Event]]) -> dict[str, Any]:
    """What each service sends, topic by topic."""
    sent: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in events:
        sent[(publisher_of(name), topic_of(name))].append(name)
    return {
        f"{service}.{topic}": {
            "action": "send",
            "summary": f"The {service} service publishes on {topic}.",
            "channel": {"$ref": f"#/channels/{topic}"},
            "messages": [{"$ref": f"#/channels/{topic}/messages/{name}"} for name in names],
        }
        for (service, topic), names in sorted(sent.items())
    }


def _message(name: str, kind: type[Event]) -> dict[str, Any]:
    return {
        "name": name,
        "title": kind.__name__,
        "summary": " ".join((kind.__doc__ or "").split()),
        "contentType": "application/json",
        "payload": {"$ref": _REF.format(name=kind.__name__)},
        "traits": [{"$ref": f"#/components/messageTraits/{_COMMON}"}],
        "headers": {"type": "object", "properties": {"ce_type": {"const": name}, "ce_source": _source(name)}},
        "bindings": {"kafka": {"key": {"type": "string", "description": f"`{kind.KEY}`"}}},
    }


def _source(name: str) -> dict[str, Any]:
    return {"const": f"/{publisher_of(name)}"}


def _headers() -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    properties: dict[str, Any] = {
        "ce_specversion": {"const": SPEC_VERSION},
        "ce_id": {**text, "description": "topic/key/sequence; the same after a replay"},
        "ce_type": text,
        "ce_source": {**text, "format": "uri-reference"},
        "ce_subject": {**text, "description": "the aggregate's id, as the record's key"},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_sequence": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "content-type": {"const": "application/json"},
    }
    optional = {"ce_traceparent": {**text, "description": "W3C Trace Context of the request that caused it"}}
    return {"type": "object", "required": sorted(properties), "properties": properties | optional}


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2, ensure_ascii=False)
