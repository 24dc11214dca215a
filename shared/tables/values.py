"""Numbers, dates, hours and yes/no as people in Europe write them. What has two meanings is refused, not guessed."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

_GROUPED = re.compile(r"^[+-]?\d{1,3}([.,' \u00a0\u202f\u2019]\d{3})+$")
_SPACES = re.compile("[\u00a0\u202f '\u2019]")
_DATE = re.compile(r"^(\d{1,4})\s*[./-]\s*(\d{1,2})\s*[./-]\s*(\d{1,4})\.?$")
_CLOCK = re.compile(r"^(\d{1,4}):([0-5]\d)(?::[0-5]\d)?$")
_SPAN = re.compile(
    r"^(?:(?P<hours>[\d.,]+)\s*(?P<unit>[^\W\d]+)\.?)?\s*(?:(?P<minutes>\d+)\s*(?P<small>[^\W\d]*)\.?)?$"
)
_HOURS = frozenset(
    {
        *("h", "hr", "hrs", "hour", "hours", "std", "stunde", "stunden", "ora", "ore", "hora", "horas", "hores"),
        *("heure", "heures", "hodina", "hodiny", "hodin", "hod", "godz", "godzina", "godziny", "godzin"),
        *("ora", "órák", "óra", "uur", "sat", "sata", "sati", "час", "часа", "часова", "сат", "сати", "сата"),
    }
)
_MINUTES = frozenset(
    {"", "m", "min", "mins", "minute", "minutes", "minuten", "minuti", "minutos", "minuts", "minut", "minuty", "perc"}
)
_YES = frozenset(
    {"yes", "y", "true", "1", "x", "ja", "j", "si", "sí", "sì", "oui", "ano", "tak", "igen", "sim", "da", "да", "wahr"}
)
_NO = frozenset({"no", "n", "false", "0", "", "nein", "non", "ne", "nie", "nem", "não", "nao", "nee", "не", "falsch"})


class NotUnderstood(ValueError):
    """The value is not of the kind that was asked for. `code` for machines, the text for a person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def decimal_mark(values: Iterable[Any]) -> str | None:
    """The decimal mark, "." or ",", that the values of one column agree on; None when they do not tell."""
    marks = {mark for value in values if isinstance(value, str) and (mark := _told_by(value.strip()))}
    return marks.pop() if len(marks) == 1 else None


def _told_by(text: str) -> str | None:
    """The decimal mark that one value betrays: 1.234,5 and 1,5 and 1.234.567 do, 1.234 does not."""
    points, commas = text.count("."), text.count(",")
    if points and commas:
        return max(".", ",", key=text.rfind)
    mark, count = (".", points) if points else (",", commas)
    if not count:
        return None
    if count > 1:
        return "," if mark == "." else "."
    return None if _GROUPED.match(text) and not text.lstrip("+-").startswith("0") else mark


def number(value: Any, *, mark: str | None = None) -> Decimal:
    """A number, exact. `mark` is the column's decimal mark, if it is known. Raises NotUnderstood."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise NotUnderstood("NOT_A_NUMBER", f"{_shown(value)} is not a number.")
    if not isinstance(value, str):
        return Decimal(str(value))
    text = value.strip().replace("\u2212", "-")
    mark = _told_by(text) or mark
    if mark is None and ("." in text or "," in text):
        other = text.replace(",", "").replace(".", "")
        raise NotUnderstood(
            "AMBIGUOUS_NUMBER", f"{_shown(text)} may mean {other} or a fraction. Write {other} or add a decimal."
        )
    plain = _SPACES.sub("", text)
    if mark == ",":
        plain = plain.replace(".", "").replace(",", ".")
    elif mark == ".":
        plain = plain.replace(",", "")
    try:
        found = Decimal(plain)
    except InvalidOperation:
        raise NotUnderstood("NOT_A_NUMBER", f"{_shown(text)} is not a number.") from None
    if not found.is_finite():
        raise NotUnderstood("NOT_A_NUMBER", f"{_shown(text)} is not a number.")
    return found


def day(value: Any) -> date:
    """A date: 2026-12-31, 31.12.2026, 31/12/2026, 31-12-2026; the day comes before the month. Raises NotUnderstood."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = str(value).strip()
    found = _DATE.match(text.partition("T")[0] if re.match(r"^\d{4}-\d\d-\d\dT", text) else text)
    if found is None:
        raise NotUnderstood("NOT_A_DATE", f"{_shown(text)} is not a date. Write it as 2026-12-31.")
    first, month, last = found.groups()
    year, of_month = (first, last) if len(first) == 4 else (last, first)
    if len(year) != 4 or len(of_month) > 2:
        raise NotUnderstood("NOT_A_DATE", f"{_shown(text)} has no year of four digits. Write it as 2026-12-31.")
    try:
        return date(int(year), int(month), int(of_month))
    except ValueError:
        raise NotUnderstood(
            "NOT_A_DATE", f"{_shown(text)} is no day of the calendar. Write it as 2026-12-31."
        ) from None


def hours(value: Any, *, mark: str | None = None) -> Decimal:
    """A duration in hours: 8, 1,5 h, 1:30, 90 min, 2 h 30 min, 8 Std. Raises NotUnderstood."""
    if not isinstance(value, str):
        return number(value)
    text = value.strip().lower()
    if clock := _CLOCK.match(text):
        return Decimal(clock[1]) + Decimal(clock[2]) / 60
    try:
        return number(text, mark=mark)
    except NotUnderstood as error:
        if error.code == "AMBIGUOUS_NUMBER":
            raise
    return _span(text, mark)


def _span(text: str, mark: str | None) -> Decimal:
    found = _SPAN.match(text)
    if found is None or not text:
        raise NotUnderstood("NOT_A_DURATION", f"{_shown(text)} is not a duration. Write hours, such as 1.5.")
    whole, unit = found["hours"], (found["unit"] or "")
    minutes, small = found["minutes"], (found["small"] or "")
    if whole and unit in _HOURS and small in _MINUTES:
        return number(whole, mark=mark) + Decimal(minutes or 0) / 60
    if whole and unit in _MINUTES and unit and not minutes:
        return number(whole, mark=mark) / 60
    raise NotUnderstood("NOT_A_DURATION", f"{_shown(text)} is not a duration. Write hours, such as 1.5.")


def yes_or_no(value: Any) -> bool:
    """Yes or no in the languages of the partnerships; an empty cell is no. Raises NotUnderstood."""
    text = str(value).strip().casefold()
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise NotUnderstood("NOT_YES_OR_NO", f"{_shown(value)} is neither yes nor no.")


def plain(text: str) -> str:
    """For comparing words: without case, accents and signs. "Štěpán  Nový" and "stepan novy" are the same."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("ß", "ss").replace("ł", "l").replace("đ", "d"))
    letters = "".join(c if c.isalnum() else " " for c in decomposed if not unicodedata.combining(c))
    return " ".join(letters.split())


def _shown(value: Any) -> str:
    text = str(value)
    return f'"{text[:40]}..."' if len(text) > 40 else f'"{text}"'
