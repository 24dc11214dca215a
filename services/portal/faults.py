"""Why something was not taken or does not hold, in the visitor's language: by its code; the services speak English."""

from typing import Final

from flask_babel import LazyString

from services.portal.languages import SOURCE, _l, language
from shared.codes import CODES

SENTENCES: Final[dict[str, LazyString]] = {
    # What holds of a certificate; everything else has a code.
    "HOLDS:context": _l("The content is in a recognised format."),
    "HOLDS:schema": _l("It is an Open Badges 3.0 credential."),
    "HOLDS:issuer": _l("The key belongs to the awarding body."),
    "HOLDS:signature": _l("Nothing has been changed since it was issued."),
    "HOLDS:not_before": _l("Its validity has begun."),
    "HOLDS:expiry": _l("It has not expired."),
    "HOLDS:revocation": _l("It has not been revoked."),
    "HOLDS:suspension": _l("It is not suspended."),
    **{code: _l(text) for code, text in CODES.items()},
}

_FOR_PROGRAMS: Final = {"STALE_VERSION"}
"""Of these the service's own sentence speaks of what no page shows, such as a version's number."""


def sentence(code: str, message: str) -> str:
    """The service's own sentence in English, which may say more; in other languages the one for its code, if any."""
    known = SENTENCES.get(code)
    if known is None or (message and language() == SOURCE and code not in _FOR_PROGRAMS):
        return message
    return str(known)
