"""Many things by id in one request, `ids=a,b,c`, and what is told beside them, `include=a,b`."""

from collections.abc import Sequence
from typing import Any, Final

from marshmallow import ValidationError, fields

MOST: Final = 100
_LONGEST: Final = 128


class Ids(fields.Field[list[str]]):
    """Up to 100 ids, separated by commas. What is asked for and not found, or not for the caller, is left out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"description": f"Only these: up to {MOST} ids, separated by commas"}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> list[str]:  # noqa: ARG002
        found = list(dict.fromkeys(str(value).split(",")))
        if len(found) > MOST:
            raise ValidationError(f"At most {MOST} ids can be asked for at once.")
        if any(not 0 < len(one) <= _LONGEST for one in found):
            raise ValidationError("An id is empty or too long.")
        return found


class Include(fields.Field[list[str]]):
    """Some of these words, separated by commas."""

    def __init__(self, choices: Sequence[str], **options: Any) -> None:
        self.choices = tuple(choices)
        told = f"What to tell beside: {', '.join(self.choices)}, separated by commas"
        super().__init__(metadata={"description": told}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> list[str]:  # noqa: ARG002
        found = list(dict.fromkeys(str(value).split(",")))
        if not set(found) <= set(self.choices):
            raise ValidationError(f"Choose of: {', '.join(self.choices)}.")
        return found
