"""Why something was not taken or does not hold, in the visitor's language: by its code; the services speak English."""

from typing import Final

from flask_babel import LazyString

from services.portal.languages import SOURCE, _l, language

SENTENCES: Final[dict[str, LazyString]] = {
    # Verification: what holds, then what does not.
    "HOLDS:context": _l("The content is in a recognised format."),
    "HOLDS:schema": _l("It is an Open Badges 3.0 credential."),
    "HOLDS:issuer": _l("The key belongs to the awarding body."),
    "HOLDS:signature": _l("Nothing has been changed since it was issued."),
    "HOLDS:not_before": _l("Its validity has begun."),
    "HOLDS:expiry": _l("It has not expired."),
    "HOLDS:revocation": _l("It has not been revoked."),
    "HOLDS:suspension": _l("It is not suspended."),
    "BAD_DATE": _l("A date in it cannot be read."),
    "BAD_ISSUER": _l("The issuer cannot be recognised."),
    "BAD_LIST": _l("The list of revoked certificates cannot be trusted."),
    "BAD_PROOF": _l("It is not signed in a way that can be checked."),
    "BAD_STATUS": _l("Its status cannot be checked."),
    "CHANGED": _l("The signature does not fit: the certificate was changed, or somebody else signed it."),
    "EXPIRED": _l("It has expired."),
    "FOREIGN_KEY": _l("The key that signed it is not one of the issuer."),
    "HOLDER_ERASED": _l("The holder was erased and the document with them; a copy can still be checked."),
    "NOT_A_BADGE": _l("It is not a certificate of a course."),
    "NOT_A_CREDENTIAL": _l("It is not a certificate."),
    "NOT_CHECKED": _l("Not checked, because an earlier check failed."),
    "NOT_YET_VALID": _l("Its validity has not begun."),
    "NO_ACHIEVEMENT": _l("It does not say what was achieved."),
    "NO_ID": _l("It has no number or no date."),
    "NO_SUCH_ISSUER": _l("There is no such awarding body here."),
    "NO_SUCH_LIST": _l("The list of revoked certificates that it names does not exist."),
    "OTHER_ISSUER": _l("It was issued elsewhere; its issuer can verify it."),
    "OTHER_LIST": _l("Its issuer keeps the list of revoked certificates elsewhere."),
    "OTHER_SITE": _l("This link leads to another site; verify it there."),
    "PROOF_EXPIRED": _l("Its signature has expired."),
    "REVOKED": _l("It has been revoked."),
    "SUSPENDED": _l("It is suspended."),
    "UNREADABLE": _l("The content cannot be read as a certificate."),
    # Rows of imports, and files.
    "AMBIGUOUS_NUMBER": _l("The number can be read in two ways. Write it without separators of thousands."),
    "CELL_TOO_LONG": _l("The text in this cell is too long."),
    "COLUMN_MISSING": _l("Choose a column for this field."),
    "CONSENT_INCOMPLETE": _l("Say how and on which day the person gave consent."),
    "DUPLICATE_EMPLOYMENT": _l("This person already works there in that time."),
    "EMPLOYER_MISSING": _l("Name the employer."),
    "FILE_MISSING": _l("Choose a file."),
    "FILE_TOO_LARGE": _l("The file is larger than 10 MB. Split it into several files."),
    "INVALID": _l("This value is missing or cannot be used here."),
    "JOB_GIVEN_UP": _l(
        "The import could not be finished. Nothing that was taken is lost; let it go on, or ask an operator."
    ),
    "NOT_A_DATE": _l("This is not a date. Write it as 2026-12-31."),
    "NOT_A_DURATION": _l("This is not a duration. Write hours, such as 1.5."),
    "NOT_A_NUMBER": _l("This is not a number."),
    "NOT_YES_OR_NO": _l("Write yes or no."),
    "OTHER_EMPLOYER": _l("This number belongs to somebody of another company."),
    "TABLE_DUPLICATE_COLUMN": _l("Two columns have the same name. Give each column a name of its own."),
    "TABLE_EMPTY": _l("The file is empty."),
    "TABLE_TOO_LARGE": _l("The file is too large. Split it into several files."),
    "TABLE_TOO_MANY_COLUMNS": _l("The table has too many columns."),
    "TABLE_WITHOUT_HEADER": _l("The first row has no column names. Put the names into the first row."),
    "TOO_MANY_CELLS": _l("The row has more cells than the first row has columns."),
    "UNKNOWN_FORMAT": _l("This is neither a spreadsheet nor a text table. Send CSV, XLSX or JSON."),
    "UNKNOWN_ORGANISATION": _l("No company of this cluster has this name, registration number or id."),
}


def sentence(code: str, message: str) -> str:
    """The service's own sentence in English, which may say more; in other languages the one for its code, if any."""
    known = SENTENCES.get(code)
    if known is None or (message and language() == SOURCE):
        return message
    return str(known)
