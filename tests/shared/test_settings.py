"""Settings: read once, refused by name, masked."""

from dataclasses import dataclass

import pytest

from shared.settings import SettingsError, load, masked, setting, table


@dataclass(frozen=True, slots=True)
class Example:
    """All kinds of them."""

    url: str = setting("URL", "Where it is", example="http://a")
    secret: str = setting("SECRET", "Keep it", example="s", secret=True)
    count: int = setting("COUNT", "How many", example="3", default=3)
    share: float = setting("SHARE", "How much", example="0.5", default=0.5)
    on: bool = setting("ON", "Whether", example="true", default=False)


GIVEN = {"CLUSTERSKILLS_URL": "http://x", "CLUSTERSKILLS_SECRET": "hidden"}


def test_settings_are_read_with_their_types_and_defaults() -> None:
    more = {"CLUSTERSKILLS_COUNT": "7", "CLUSTERSKILLS_SHARE": "0.25", "CLUSTERSKILLS_ON": "Yes"}

    assert load(Example, GIVEN) == Example("http://x", "hidden", 3, 0.5, False)
    assert load(Example, GIVEN | more) == Example("http://x", "hidden", 7, 0.25, True)
    assert load(Example, GIVEN | {"CLUSTERSKILLS_ON": "0", "CLUSTERSKILLS_COUNT": ""}).on is False


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)

    assert load(Example).url == "http://x"


def test_everything_that_is_missing_or_wrong_is_named_at_once_with_an_example() -> None:
    wrong = {"CLUSTERSKILLS_COUNT": "many", "CLUSTERSKILLS_ON": "perhaps", "CLUSTERSKILLS_SHARE": "half"}

    with pytest.raises(SettingsError) as refused:
        load(Example, wrong)
    lines = str(refused.value).splitlines()
    assert lines[0] == "CLUSTERSKILLS_URL is not set: Where it is. Example: CLUSTERSKILLS_URL=http://a"
    assert [line.split(" ")[0].removeprefix("CLUSTERSKILLS_") for line in lines] == [
        "URL",
        "SECRET",
        "COUNT",
        "SHARE",
        "ON",
    ]
    assert "many" not in str(refused.value), "a secret in the wrong variable must not be repeated"


def test_secrets_are_masked() -> None:
    shown = masked(load(Example, GIVEN))

    assert shown["CLUSTERSKILLS_SECRET"] == "***"
    assert shown["CLUSTERSKILLS_URL"] == "http://x"


def test_a_password_in_an_address_is_masked() -> None:
    shown = masked(load(Example, {**GIVEN, "CLUSTERSKILLS_URL": "mongodb://me:hush@a:1,b:2/?replicaSet=rs0"}))

    assert shown["CLUSTERSKILLS_URL"] == "mongodb://***@a:1,b:2/?replicaSet=rs0"


def test_the_table_names_each_setting_once() -> None:
    rows = table(Example, Example)

    assert [row.name for row in rows][:2] == ["CLUSTERSKILLS_URL", "CLUSTERSKILLS_SECRET"]
    assert len(rows) == 5
    assert rows[0].default == "required"
    assert rows[2].default == "3"
    assert rows[1].secret
