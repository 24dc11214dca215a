"""A form as a page shows it again: what was typed, and what is wrong with it, beside the field and in a summary.

The rules are the services'. A page sends what was typed; a refusal comes back with its violations by field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from services.portal.faults import sentence
from services.portal.platform import Refused


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing to mend. `field` is the name of an input, or empty when it is about the whole."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Form:
    """Typed values by input, and the mistakes."""

    values: Mapping[str, str] = field(default_factory=dict)
    mistakes: Sequence[Mistake] = ()

    def value(self, name: str, default: str = "") -> str:
        """What stands in the input."""
        return self.values.get(name, default)

    def mistake(self, name: str) -> str:
        """What is wrong with the input; empty when nothing is."""
        return " ".join(one.message for one in self.mistakes if one.field == name)

    @property
    def has_mistakes(self) -> bool:
        """Whether it must be mended before it can be taken."""
        return bool(self.mistakes)


def refused(values: Mapping[str, str], error: Refused, names: Mapping[str, str] | None = None) -> Form:
    """The form again, with the service's refusal. `names` maps fields of the API to inputs where they differ."""
    renamed = names or {}
    mistakes = [Mistake(renamed.get(v.field, v.field), sentence(v.code, v.message)) for v in error.violations]
    return Form(values, mistakes or [Mistake("", sentence(error.error_code, error.detail))])
