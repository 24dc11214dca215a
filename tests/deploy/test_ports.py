"""Ports that the launcher gives out."""

import socket
from pathlib import Path

import pytest

from deploy.local import ports
from deploy.local.errors import StackError


def test_free_ports_are_different_free_and_not_those_of_outgoing_connections() -> None:
    found = ports.find_free(200)

    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert len(set(found)) == 200
    assert not [port for port in found if first <= port <= last]
    assert all(ports.is_free(port) for port in found)


def test_a_port_that_somebody_listens_on_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (free,) = ports.find_free(1)
        monkeypatch.setattr(ports, "_candidates", lambda: iter([taken.getsockname()[1], free]))
        assert ports.find_free(1) == [free]


def test_a_system_that_gives_away_nearly_all_ports_still_has_some(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "range").write_text("1024\t65520\n")
    monkeypatch.setattr(ports, "_OUTGOING", tmp_path / "range")
    found = ports.find_free(30)
    assert len(set(found)) == 30
    assert any(port > 65_520 for port in found)


def test_a_machine_without_a_free_port_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: port == 20_000)
    with pytest.raises(StackError, match="Only 1 of 2 free ports"):
        ports.find_free(2)
