"""The configuration table of the README, made from the settings: `python -m clusterskills.settings_table` writes it anew."""

from pathlib import Path

from services import manifests
from shared.auth.verify import AuthSettings
from shared.bus.kafka import KafkaSettings
from shared.http.settings import CrowdSettings, HttpSettings
from shared.settings import SettingRow, table
from shared.storage.mongo import MongoSettings
from shared.wiring.reading import MetricsSettings

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- settings -->", "<!-- /settings -->"

_READERS: tuple[tuple[str, type], ...] = (
    ("services", MongoSettings),
    ("portal", MongoSettings),
    ("services", KafkaSettings),
    ("services", HttpSettings),
    ("APIs", CrowdSettings),
    ("portal", CrowdSettings),
    ("APIs", AuthSettings),
    ("all", MetricsSettings),
    *((service.name, group) for service in manifests() for group in service.settings),
)
"""Who reads which group. "services": APIs and workers of all but the portal."""


def rendered() -> str:
    """The table as Markdown: one row per variable, in the order in which the groups declare them."""
    rows = table(*(kind for _, kind in _READERS))
    head = "| variable | what it is | default | example | read by |\n|---|---|---|---|---|\n"
    return head + "".join(_row(row) for row in rows)


def updated(readme: str) -> str:
    """The README with the table between its markers made anew. ValueError when the markers are not there."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The README needs the markers {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n{rendered()}{END}{after}"


def main() -> None:
    """Rewrite the README."""
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")


def _row(row: SettingRow) -> str:
    what = row.description[0].upper() + row.description[1:] + (" (secret)" if row.secret else "")
    default = f"`{row.default}`" if row.default not in {"", "required"} else row.default or "none"
    return f"| `{row.name}` | {what} | {default} | `{row.example}` | {_readers_of(row.name)} |\n"


def _readers_of(name: str) -> str:
    found = (reader for reader, kind in _READERS if any(row.name == name for row in table(kind)))
    return ", ".join(dict.fromkeys(found))


if __name__ == "__main__":
    main()
