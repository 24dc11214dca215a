"""What a process does first: it says its settings in the log, and no secret."""

import io
import json

import pytest

from shared import logs
from shared.http.settings import HttpSettings
from shared.wiring.reading import first_settings, settings_of


def test_every_group_of_settings_stands_masked_in_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"PUBLIC_URL": "http://localhost", "CURSOR_SECRET": "hush", "LOG_LEVEL": "info"}.items():
        monkeypatch.setenv(f"CLUSTERSKILLS_{name}", value)

    first_settings("lending", HttpSettings)
    line = json.loads(capsys.readouterr().out.splitlines()[-1])

    assert (line["event"], line["group"], line["service"]) == ("settings_read", "HttpSettings", "lending")
    assert line["settings"]["CLUSTERSKILLS_PUBLIC_URL"] == "http://localhost"
    assert line["settings"]["CLUSTERSKILLS_CURSOR_SECRET"] == "***"


def test_a_group_that_is_not_complete_ends_the_process_and_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CLUSTERSKILLS_CURSOR_SECRET", raising=False)
    logs.configure("lending", stream=io.StringIO())

    with pytest.raises(SystemExit, match="CLUSTERSKILLS_CURSOR_SECRET is not set"):
        settings_of(HttpSettings)
