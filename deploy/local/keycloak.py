"""Keycloak as one row of the table: unpacked and built once per user, with a home of its own per stack."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.identity.realm import REALM_FILE
from deploy.local import artefacts, fetching, frontend, ports, programs
from deploy.local.artefacts import Say
from deploy.local.errors import StackError
from deploy.local.part import Part

_BUILD = ("--db=dev-file", "--http-relative-path=/auth", "--health-enabled=true")
_DISCOVERY = "/auth/realms/clusterskills/.well-known/openid-configuration"
_SHARED = ("bin", "conf", "lib", "providers")
THEME = REALM_FILE.with_name("theme")
_OPENED = ("java.lang", "java.util", "java.util.concurrent", "java.security")
_THREADS = "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory"


@dataclass(frozen=True, slots=True)
class Place:
    """Where this stack's Keycloak lives and listens, and the address people see."""

    home: Path
    port: int
    management_port: int
    public_url: str


def distribution(say: Say) -> Path:
    """Return the unpacked and built distribution, made at the first use."""
    (artefact,) = artefacts.read_lock("keycloak")
    (archive,) = fetching.fetch([artefact], "Keycloak", say)
    return artefacts.unpacked(
        artefact, archive, f"keycloak-{artefact.sha256[:12]}", lambda root: _build(root, say), say
    )


def part(place: Place, secrets: Mapping[str, str], say: Say) -> Part:
    """Return the row. `secrets` fills the placeholders of the realm file."""
    shared, typeface = distribution(say), frontend.folder(say) / "served" / "inter.woff2"
    return Part(
        name="keycloak",
        command=(*_java(place.home, "-Xms128m", "-Xmx400m"), *_start(place)),
        ports={"keycloak": place.port, "keycloak management": place.management_port},
        env=secrets,
        prepare=lambda: _prepare(place.home, shared, typeface),
        healthy=lambda: ports.says_ok(place.port, _DISCOVERY),
        answers=lambda: ports.says_ok(place.management_port, "/auth/health/live"),
        hung_after=30,
        engine=True,
        within=600,
        patience=4,
    )


def _build(root: Path, say: Say) -> None:
    say("Building Keycloak (once, 10 to 20 s)")
    command = [*_java(root, "-Xmx400m"), "build", *_BUILD]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if result.returncode != 0:
        raise StackError(f"Keycloak could not be built:\n{result.stdout[-3000:]}{result.stderr[-3000:]}")


def _java(home: Path, *memory: str) -> tuple[str, ...]:
    """Return what bin/kc.sh would run, without its shells: then the process we start is the one we watch and stop."""
    return (
        *(str(programs.java()), *memory, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"),
        *("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"),
        *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPENED),
        *("-Dfile.encoding=UTF-8", "-Duser.language=en", "-Duser.country=US"),
        f"-Djava.util.concurrent.ForkJoinPool.common.threadFactory={_THREADS}",
        "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
        "-Dpicocli.disable.closures=true",
        *(f"-Dkc.home.dir={home}", f"-Djboss.server.config.dir={home / 'conf'}", f"-Djava.io.tmpdir={_scratch(home)}"),
        *("-cp", str(home / "lib" / "quarkus-run.jar"), "io.quarkus.bootstrap.runner.QuarkusEntryPoint"),
    )


def _start(place: Place) -> tuple[str, ...]:
    return (
        *("start", "--optimized", "--import-realm", "--cache=local"),
        *("--http-enabled=true", "--http-host=127.0.0.1", f"--http-port={place.port}"),
        f"--http-management-port={place.management_port}",
        *(f"--hostname={place.public_url}/auth", "--proxy-headers=xforwarded"),
    )


def _scratch(home: Path) -> Path:
    folder = home / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _prepare(home: Path, shared: Path, typeface: Path) -> None:
    """Lay out a home that shares the programs by links and keeps its own database, realm file and pages' look."""
    for name in _SHARED:
        link = home / name
        if not link.is_symlink() or link.readlink() != shared / name:
            link.unlink(missing_ok=True)
            link.symlink_to(shared / name)
    _dress(home / "themes", typeface)
    imports = home / "data" / "import"
    imports.mkdir(parents=True, exist_ok=True)
    (imports / REALM_FILE.name).write_bytes(REALM_FILE.read_bytes())


def _dress(themes: Path, typeface: Path) -> None:
    """Put our look in place, with the typeface that the pages have."""
    if themes.is_symlink():  # of a stack that was made before Keycloak had a look of ours
        themes.unlink()
    shutil.copytree(THEME, themes, dirs_exist_ok=True)
    fonts = themes / "clusterskills" / "login" / "resources" / "fonts"
    fonts.mkdir(exist_ok=True)
    shutil.copyfile(typeface, fonts / typeface.name)
