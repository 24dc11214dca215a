"""SCIM 2.0 for an employer's HR system: users are people and their employments."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from pydantic import ValidationError
from scim2_models import (
    Context,
    ListResponse,
    Meta,
    PatchOp,
    ResourceType,
    ResponseParameters,
    Schema,
    SCIMException,
    ScimFilter,
    SearchRequest,
)
from scim2_models import Error as ScimError
from scim2_models.path import Comparison

from services.directory_service.actions import Actions
from services.directory_service.actions.accounts import User as Known
from services.directory_service.api.parts import Parts, actor_of
from services.directory_service.domain.account import Wish, key_of
from services.directory_service.domain.criteria import AccountCriteria
from services.directory_service.schemas.scim import (
    MEDIA_TYPE,
    MOST,
    RESOURCE_TYPES,
    SCHEMAS,
    Email,
    Name,
    ScimBody,
    ScimQuery,
    ScimShape,
    User,
    service_provider,
)
from shared.errors import Invalid, NotFound, Violation
from shared.http.call import JSON
from shared.http.door import PUBLIC, Call, Door, Reply
from shared.storage.writes import Answer

BASE: Final = "/scim/v2"
_USERS, _USER = f"{BASE}/Users", f"{BASE}/Users/<person_id>"
_READ, _WRITE = "directory:read", "directory:write"
_TYPES: Final = (MEDIA_TYPE, JSON)
_KINDS: Final[dict[str, Any]] = {"accepts": _TYPES, "produces": _TYPES}
_SHAPES: Final = ("attributes", "excluded_attributes")


def add(door: Door, parts: Parts) -> None:
    """Declare them."""
    _add_discovery(door, parts)
    _add_reading(door, parts)
    _add_writing(door, parts)


def speak(answer: Answer) -> Answer:
    """A problem in the words of SCIM: what is wrong with a request is a 400 with the kind of fault."""
    told = orjson.loads(answer.body)
    status = 400 if answer.status == 422 else answer.status
    kind = {400: "invalidValue", 409: "uniqueness"}.get(status)
    if any(one.get("field") == "filter" for one in told.get("violations", ())):
        kind = "invalidFilter"
    error = ScimError(status=status, scim_type=kind, detail=told["detail"])
    kept = [(name, value) for name, value in answer.headers if name != "Content-Type"]
    return Answer(status, _json(error), (*kept, ("Content-Type", MEDIA_TYPE)))


def _add_discovery(door: Door, parts: Parts) -> None:
    things: dict[str, list[Any]] = {"ResourceTypes": RESOURCE_TYPES, "Schemas": SCHEMAS}
    lists = {"ResourceTypes": ListResponse[ResourceType], "Schemas": ListResponse[Schema]}

    @door.get(f"{BASE}/ServiceProviderConfig", scope=PUBLIC, produces=_TYPES, summary="Read what SCIM can here")
    def read_scim_config(_call: Call) -> Reply:
        """What this SCIM service can: patches and filters; no bulk, no sorting."""
        found = service_provider(parts.public_url)
        return _reply(_located(found, parts, "ServiceProviderConfig", "ServiceProviderConfig"))

    @door.get(f"{BASE}/<kind>", scope=PUBLIC, produces=_TYPES, summary="List SCIM schemas or resource types")
    def list_scim_things(_call: Call, kind: str) -> Reply:
        """`ResourceTypes` or `Schemas`."""
        if kind not in things:
            raise NotFound("There is nothing at this address.")
        return _reply(
            _listed(lists[kind], [_located(one, parts, kind[:-1], f"{kind}/{one.id}") for one in things[kind]])
        )

    @door.get(f"{BASE}/<kind>/<thing_id>", scope=PUBLIC, produces=_TYPES, summary="Read a SCIM schema or resource type")
    def read_scim_thing(_call: Call, kind: str, thing_id: str) -> Reply:
        """One of the `ResourceTypes` or `Schemas`."""
        for one in things.get(kind, ()):
            if one.id == thing_id:
                return _reply(_located(one, parts, kind[:-1], f"{kind}/{one.id}"))
        raise NotFound("There is nothing at this address.")


def _add_reading(door: Door, parts: Parts) -> None:
    @door.get(_USERS, scope=_READ, query=ScimQuery, produces=_TYPES, summary="List SCIM users")
    def list_scim_users(call: Call) -> Reply:
        """The employer's people, with `userName eq` or `externalId eq` one of them."""
        return _found(parts, call, call.query)

    options: dict[str, Any] = {"scope": _READ, "body": ScimBody, "status": 200, "plain": True, **_KINDS}

    @door.post(f"{_USERS}/.search", summary="Search SCIM users", **options)
    def search_scim_users(call: Call) -> Reply:
        """The same as the list, for what should not stand in an address."""
        return _found(parts, call, _searched(call.body))

    @door.post(f"{BASE}/.search", summary="Search SCIM resources", **options)
    def search_scim(call: Call) -> Reply:
        """Of all kinds of resources: there are users only."""
        return _found(parts, call, _searched(call.body))

    @door.get(_USER, scope=_READ, query=ScimShape, produces=_TYPES, summary="Read a SCIM user")
    def read_scim_user(call: Call, person_id: str) -> Reply:
        """One of the employer's people."""
        found = parts.reading().accounts.get(actor_of(call), person_id)
        _note(parts, call, [found])
        return _reply(_shown(found, parts), call.query)


def _searched(body: Any) -> dict[str, Any]:
    """A search in the words of a query."""
    asked = _parsed(SearchRequest[User], body, Context.SEARCH_REQUEST)
    names = {name: [str(one) for one in getattr(asked, name) or ()] for name in _SHAPES}
    shape = {name: ",".join(found) for name, found in names.items() if found}
    count = 100 if asked.count is None else asked.count
    wanted = {**shape, "start_index": asked.start_index or 1, "count": count}
    return wanted if asked.filter is None else {**wanted, "filter": str(asked.filter)}


def _found(parts: Parts, call: Call, query: Mapping[str, Any]) -> Reply:
    start, count = max(query["start_index"], 1), min(max(query["count"], 0), MOST)
    found, total = parts.reading().accounts.page(actor_of(call), _criteria(query.get("filter")), start - 1, count)
    _note(parts, call, found)
    users = [_shown(one, parts) for one in found]
    return _reply(_listed(ListResponse[User], users, total=total, start=start), query)


def _add_writing(door: Door, parts: Parts) -> None:
    options: dict[str, Any] = {"scope": _WRITE, "query": ScimShape, **_KINDS}

    @door.post(_USERS, body=ScimBody, status=201, summary="Make a SCIM user", **options)
    def make_scim_user(call: Call) -> Reply:
        """Make somebody known to the platform; `active` begins an employment."""
        wish = _wish(_parsed(User, _with_active(call.body, True), Context.RESOURCE_CREATION_REQUEST))
        made = _shown(_accounts(parts, call).accounts.make(actor_of(call), wish), parts)
        location = made.meta.location if made.meta else None
        return _reply(made, call.query, Context.RESOURCE_CREATION_RESPONSE, status=201, location=str(location))

    @door.put(_USER, body=ScimBody, summary="Replace a SCIM user", **options)
    def replace_scim_user(call: Call, person_id: str) -> Reply:
        """Say anew who somebody is; without `active` the employment stands as it is."""
        standing = _accounts(parts, call).accounts.get(actor_of(call), person_id).active
        user = _parsed(User, _with_active(call.body, standing), Context.RESOURCE_REPLACEMENT_REQUEST)
        return _replace(call, person_id, user)

    @door.patch(_USER, body=ScimBody, if_match="honoured", summary="Change a SCIM user", **options)
    def change_scim_user(call: Call, person_id: str) -> Reply:
        """Change some attributes; `active` false ends the employment today."""
        operations = _parsed(PatchOp[User], call.body, Context.RESOURCE_PATCH_REQUEST)
        user = _shown(_accounts(parts, call).accounts.get(actor_of(call), person_id), parts)
        try:
            operations.patch(user)
        except SCIMException as error:
            raise _refusal("path", str(error)) from error
        return _replace(call, person_id, user)

    @door.delete(_USER, status=204, **{**options, "query": None}, summary="Remove a SCIM user")
    def remove_scim_user(call: Call, person_id: str) -> Reply:
        """End the employment and forget the account; the person stays with their cluster."""
        _accounts(parts, call).accounts.remove(actor_of(call), person_id)
        return Reply()

    def _replace(call: Call, person_id: str, user: User) -> Reply:
        done = _accounts(parts, call).accounts.replace(actor_of(call), person_id, _wish(user))
        return _reply(_shown(done, parts), call.query, Context.RESOURCE_REPLACEMENT_RESPONSE)


def _accounts(parts: Parts, call: Call) -> Actions:
    return parts.writing(call.uow)


def _note(parts: Parts, call: Call, found: Iterable[Known]) -> None:
    parts.reads.note(call.who, f"GET {_USERS}", (_READ,), [one.person.id for one in found])


# -- from the wire


def _parsed(kind: Any, body: Any, context: Context) -> Any:
    try:
        return kind.model_validate(body, scim_ctx=context)
    except ValidationError as error:
        first = ScimError.from_validation_errors(error)[0]
        raise _refusal("", first.detail or "This is no SCIM message.") from error


def _with_active(body: dict[str, Any], standing: bool) -> dict[str, Any]:
    """Whoever says nothing of it leaves it as it is."""
    return body if any(name.casefold() == "active" for name in body) else {**body, "active": standing}


def _wish(user: User) -> Wish:
    name, emails = user.name, user.emails or []
    if not user.user_name or name is None or not name.given_name or not name.family_name:
        raise _refusal("name", "A user has userName, name.givenName and name.familyName.")
    return Wish(
        user_name=user.user_name,
        given_name=name.given_name,
        family_name=name.family_name,
        email=str(emails[0].value) if emails and emails[0].value else None,
        external_id=user.external_id,
        active=bool(user.active),
    )


def _criteria(text: str | None) -> AccountCriteria:
    if text is None:
        return AccountCriteria()
    message = 'Filter by userName or externalId: userName eq "somebody".'
    try:
        parsed = ScimFilter[User](text).ast
    except (SCIMException, ValueError) as error:
        raise _refusal("filter", message) from error
    name = str(parsed.attr_path).rpartition(":")[2].casefold() if isinstance(parsed, Comparison) else ""
    if not isinstance(parsed, Comparison) or parsed.op != "eq" or not isinstance(parsed.value, str):
        raise _refusal("filter", message)
    if name == "username":
        return AccountCriteria(user_key=key_of(parsed.value))
    if name == "externalid":
        return AccountCriteria(external_id=parsed.value)
    raise _refusal("filter", message)


def _refusal(field: str, message: str) -> Invalid:
    return Invalid(message, violations=[Violation(field=field, code="INVALID", message=message)])


# -- to the wire


def _shown(known: Known, parts: Parts) -> User:
    told, mine = known.told, known.account
    user = User(
        id=known.person.id,
        external_id=mine.external_id,
        user_name=mine.user_name,
        name=Name(given_name=told.given_name, family_name=told.family_name),
        emails=[Email(value=told.email)] if told.email else None,
        active=known.active,
    )
    _located(user, parts, "User", f"Users/{known.person.id}", mine)
    return user


def _located(thing: Any, parts: Parts, kind: str, path: str, times: Any = None) -> Any:
    created = {"created": times.created_at, "last_modified": times.updated_at} if times else {}
    thing.meta = Meta(resource_type=kind, location=f"{parts.public_url}{BASE}/{path}", **created)
    return thing


def _listed(kind: Any, things: list[Any], *, total: int | None = None, start: int = 1) -> Any:
    return kind(
        total_results=len(things) if total is None else total,
        items_per_page=len(things),
        start_index=start,
        resources=things,
    )


def _reply(
    thing: Any,
    shape: Mapping[str, Any] | None = None,
    context: Context = Context.RESOURCE_QUERY_RESPONSE,
    **more: Any,
) -> Reply:
    shape = shape or {}
    names = {name: shape[name].split(",") for name in _SHAPES if name in shape}
    body = thing.model_dump_json(scim_ctx=context, response_parameters=_shape(names) if names else None)
    return Reply(body.encode(), media_type=MEDIA_TYPE, **more)


def _shape(names: dict[str, list[str]]) -> Any:
    try:
        return ResponseParameters[User].model_validate(names)
    except ValidationError as error:
        raise _refusal(
            "attributes", "These are no attributes, or both of attributes and excludedAttributes."
        ) from error


def _json(error: ScimError) -> bytes:
    return error.model_dump_json().encode()
