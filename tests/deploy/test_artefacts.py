"""Downloads: checked, resumed, complete or not there, and never two at once."""

from __future__ import annotations

import hashlib
import http.server
import re
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.local import artefacts, download, fetching
from deploy.local.artefacts import Artefact
from deploy.local.errors import StackError

CONTENT = b"0123456789" * 10_000


@dataclass
class Mirror:
    """A file server that can break off, and notes which bytes it was asked for."""

    address: str = ""
    break_after: int | None = None
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Mirror]:
    state = Mirror()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            state.asked.append(asked)
            start = int(found[1]) if (found := re.match(r"bytes=(\d+)-", asked)) else 0
            body = CONTENT[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            limit, state.break_after = state.break_after, None
            self.wfile.write(body[:limit])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{server.server_port}/file"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(download, "addresses", lambda _artefact: iter([state.address]))
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_downloaded_once_and_then_taken_from_the_cache(mirror: Mirror) -> None:
    wanted = _artefact(CONTENT)
    (first,) = fetching.fetch([wanted], "it", print)
    (second,) = fetching.fetch([wanted], "it", print)

    assert first == second
    assert first.read_bytes() == CONTENT
    assert len(mirror.asked) == 1


def test_a_broken_download_goes_on_where_it_stopped(mirror: Mirror) -> None:
    mirror.break_after = 40_000
    (path,) = fetching.fetch([_artefact(CONTENT)], "it", print)

    assert path.read_bytes() == CONTENT
    assert mirror.asked == ["", f"bytes={download.CHUNK}-"]


def test_a_file_with_another_content_is_refused_and_thrown_away(mirror: Mirror, tmp_path: Path) -> None:
    with pytest.raises(StackError, match="not the file we know"):
        fetching.fetch([_artefact(b"something else")], "it", print)

    assert list((tmp_path / "clusterskills" / "files").iterdir()) == []


def test_no_network_at_the_first_start_is_said_in_one_sentence(mirror: Mirror) -> None:
    mirror.address = "http://127.0.0.1:9/file"

    with pytest.raises(StackError, match="the first start needs the network"):
        fetching.fetch([_artefact(CONTENT)], "it", print)


def test_an_unwritable_cache_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")

    with pytest.raises(StackError, match="set XDG_CACHE_HOME"):
        fetching.fetch([_artefact(CONTENT)], "it", print)


def test_an_archive_is_unpacked_once_also_by_two_at_a_time(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "inside").write_text("here")
    with tarfile.open(tmp_path / "thing.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "thing", "thing")
    finished: list[Path] = []

    def unpack() -> None:
        artefacts.unpacked(_artefact(CONTENT), tmp_path / "thing.tar.gz", "thing", finished.append, print)

    threads = [threading.Thread(target=unpack) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(finished) == 1
    assert (tmp_path / "clusterskills" / "thing" / "inside").read_text() == "here"


def test_an_archive_that_could_not_be_finished_leaves_nothing(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "thing").mkdir()
    with tarfile.open(tmp_path / "thing.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "thing", "thing")

    def fail(_folder: Path) -> None:
        raise StackError("no")

    with pytest.raises(StackError):
        artefacts.unpacked(_artefact(CONTENT), tmp_path / "thing.tar.gz", "thing", fail, print)

    assert [path.name for path in (tmp_path / "clusterskills").iterdir() if path.is_dir()] == []


def test_locks_name_one_sum_for_each_file() -> None:
    locked = artefacts.read_lock("kafka") + artefacts.read_lock("keycloak")

    assert len({item.coordinate for item in locked}) == len(locked) > 40
    assert all(re.fullmatch(r"[0-9a-f]{64}", item.sha256) for item in locked)


def _artefact(content: bytes) -> Artefact:
    return Artefact("org.example:thing:1.0:jar", hashlib.sha256(content).hexdigest())
