"""One model per thing: enumerations and maps that stand in many fields become components with a name of their own.

Generators of clients name an anonymous enumeration after the model and the field that it stands in, so that the mode of
a course and the mode of a session would be two types.
"""

from collections.abc import Iterator
from typing import Any, Final

from shared.http.words import DESCRIPTIONS, EXAMPLES

MODEL: Final = "x-model"
"""What the metadata of a field says its enumeration or map is called; else the field's own name, for an enumeration."""

Part = dict[str, Any]


def name_models(document: Part) -> None:
    """Lift enumerations and named maps into `components.schemas`. ValueError when two differ under one name."""
    models: Part = document["components"]["schemas"]
    for model in list(models.values()):
        for name, schema in model.get("properties", {}).items():
            model["properties"][name] = _lifted(name, schema, models)
    for operation in operations(document):
        for parameter in operation["parameters"]:
            parameter["schema"] = _lifted(parameter["name"], parameter["schema"], models)


def describe_fields(document: Part) -> None:
    """Say of each field and parameter what its word means and show an example, where the declaration does not."""
    for model in document["components"]["schemas"].values():
        for name, schema in model.get("properties", {}).items():
            _describe(name, schema)
            _show(name, schema)
    for operation in operations(document):
        for parameter in operation["parameters"]:
            _describe(parameter["name"], parameter)


def operations(document: Part) -> Iterator[Part]:
    """Every operation."""
    for item in document["paths"].values():
        yield from (operation for operation in item.values() if isinstance(operation, dict))


def _describe(name: str, part: Part) -> None:
    if name in DESCRIPTIONS:
        part.setdefault("description", DESCRIPTIONS[name])


def _show(name: str, schema: Part) -> None:
    if "example" in schema:
        schema["examples"] = [schema.pop("example")]
    example = EXAMPLES.get(name, _by_type(schema)) if _kinds(schema) - {"null", "boolean", "object"} else None
    if "examples" not in schema and example is not None and not _refers(schema):
        schema["examples"] = [[example] if _is_list(schema) and not isinstance(example, list) else example]


def _by_type(schema: Part) -> Any:
    kinds = _kinds(schema)
    by_format = {"date-time": "2027-03-01T08:00:00+00:00", "date": "2027-03-01", "uuid": EXAMPLES["id"]}
    if found := by_format.get(schema.get("format", "")):
        return found
    return 1 if kinds & {"integer", "number"} else None


def _kinds(schema: Part) -> set[str]:
    kind = schema.get("type", ())
    return {kind} if isinstance(kind, str) else set(kind)


def _is_list(schema: Part) -> bool:
    return "array" in _kinds(schema)


def _refers(schema: Part) -> bool:
    """What refers to a model has that model's example."""
    return bool(schema.keys() & {"$ref", "allOf", "anyOf"}) or "$ref" in schema.get("items", ())


def _lifted(name: str, schema: Part, models: Part) -> Part:
    """The field as it refers to a model, or as it is."""
    if _is_list(schema) and "items" in schema:
        called = schema.pop(MODEL, None)
        items = {MODEL: called, **schema["items"]} if called else schema["items"]
        return {**schema, "items": _lifted(name, items, models)}
    called = schema.pop(MODEL, None)
    if "enum" in schema:
        words = [word for word in schema["enum"] if word is not None]
        model: Part = {"type": "string", "enum": words, "description": f"One of {', '.join(words)}."}
    elif called:
        model = {"type": "object", "description": DESCRIPTIONS[called], "additionalProperties": _bare(schema)}
    else:
        return schema
    return _reference(called or _camel(name), model, schema, models)


def _bare(schema: Part) -> Part:
    """The values of a map by type alone: how long they may be differs from field to field."""
    values = schema["additionalProperties"]
    return {key: _bare_items(value) for key, value in values.items() if key in {"type", "items"}}


def _bare_items(value: Any) -> Any:
    return {key: value[key] for key in ("type", "$ref") if key in value} if isinstance(value, dict) else value


def _reference(called: str, model: Part, schema: Part, models: Part) -> Part:
    if models.setdefault(called, model) != model:
        raise ValueError(f"Two models called {called} differ: give the field's enumeration a name of its own.")
    reference: Part = {"$ref": f"#/components/schemas/{called}"}
    kept: Part = {key: schema[key] for key in ("description", "default") if key in schema}
    optional = "null" in _kinds(schema) or None in schema.get("enum", ())
    return {**({"anyOf": [reference, {"type": "null"}]} if optional else reference), **kept}


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
