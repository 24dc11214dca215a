"""What a view gets and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from shared.auth.caller import Caller
from shared.errors import Unauthenticated
from shared.http.cursors import Feed

if TYPE_CHECKING:
    from shared.storage.work import UnitOfWork

JSON = "application/json"


def is_json(media_type: str) -> bool:
    """Whether a body of this type is JSON: a credential (application/vc) is."""
    return media_type in {JSON, "application/vc"} or media_type.endswith("+json")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a multipart form."""

    filename: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, checked.

    `client` names who is counted (rate limit) and remembered (idempotency): token client and subject, or the address.
    `if_match` is the version the caller saw. `work` is there in writes only. `wants` is the media type to answer in.
    """

    caller: Caller | None
    client: str
    body: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)
    if_match: int | None = None
    work: "UnitOfWork | None" = None
    trace_id: str = ""
    wants: str = JSON
    raw: bytes = b""
    media_type: str = ""
    files: Mapping[str, Upload] = field(default_factory=dict)
    feed: Feed | None = None

    @property
    def who(self) -> Caller:
        """The caller, where the route has a scope and there must be one."""
        if self.caller is None:
            raise Unauthenticated("This needs an access token.")
        return self.caller

    @property
    def uow(self) -> "UnitOfWork":
        """The unit of work, where the route is a write and there must be one."""
        if self.work is None:
            raise RuntimeError("this route opens no unit of work")
        return self.work

    def within(self, work: "UnitOfWork") -> "Call":
        """The same call in a unit of work."""
        return replace(self, work=work)

    @property
    def limit(self) -> int:
        """How many items the caller asks for at most (routes with `paged=True`)."""
        return self._feed.limit

    @property
    def after(self) -> Any:
        """The position where the last page ended, or None at the start (routes with `paged=True`)."""
        return self._feed.after

    def page(self, items: list[Any], after: Any = None, **extra: Any) -> "Page":
        """A page of a list. `after` is the position of its last item, a JSON value; None when nothing follows."""
        return Page(items, None if after is None else self._feed.cursor(after), extra)

    def pulled(self, items: list[Any], position: Any, *, more: bool) -> "Page":
        """Part of a feed up to this position. `pull` leads on from there, on the last page too; `next` while more is
        there already."""
        cursor = self._feed.cursor(position)
        return Page(items, cursor if more else None, {"pull": cursor})

    @property
    def _feed(self) -> Feed:
        if self.feed is None:
            raise RuntimeError("this route is not declared with paged=True")
        return self.feed


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a list: `{"items": [...], "next": cursor or null}` and what else the list tells, such as facets."""

    items: list[Any]
    next: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: an object for the route's schema, a Page, or bytes with their `media_type`.

    `version` becomes the ETag. `status` stands in for the route's own.
    """

    body: Any = None
    status: int | None = None
    version: int | None = None
    location: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str | None = None
