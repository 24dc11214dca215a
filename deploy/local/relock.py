"""Writes the lock files anew after a version changed: `python -m deploy.local.relock`. Read what differs, then commit."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from jgo.maven import MavenContext
from jgo.parse import Coordinate

_HERE = Path(__file__).parent
_KAFKA = ("org.apache.kafka:kafka_2.13:4.1.0", "org.slf4j:slf4j-simple:1.7.36")
_KEYCLOAK = ("org.keycloak", "keycloak-quarkus-dist", "26.4.0", "tar.gz")
_FRONTEND = (
    ("org.webjars.npm", "tabler__core", "1.4.0", "jar"),
    ("org.webjars.npm", "bootstrap-icons", "1.11.3", "jar"),
    ("org.webjars.npm", "htmx.org", "2.0.4", "jar"),
    ("org.webjars", "swagger-ui", "5.30.3", "jar"),
)


def main() -> None:
    """Resolve the versions above and record the SHA-256 of every file they need."""
    with TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch))
        _write("kafka", _kafka_files(context))
        _write("keycloak", _single_files(context, _KEYCLOAK))
        _write("frontend", _single_files(context, *_FRONTEND))


def _kafka_files(context: MavenContext) -> dict[str, Path]:
    wanted = [context.create_dependency(Coordinate.parse(name)) for name in _KAFKA]
    named, implied = context.resolver.resolve(wanted)
    runtime = [*named, *(dependency for dependency in implied if dependency.scope in {"compile", "runtime"})]
    return {
        f"{item.groupId}:{item.artifactId}:{item.version}:jar": item.artifact.resolve()
        for item in sorted(runtime, key=lambda item: (item.groupId, item.artifactId))
    }


def _single_files(context: MavenContext, *wanted: tuple[str, str, str, str]) -> dict[str, Path]:
    """Return files that need no others."""
    return {
        ":".join(one): context.project(one[0], one[1]).at_version(one[2]).artifact(packaging=one[3]).resolve()
        for one in wanted
    }


def _write(name: str, files: dict[str, Path]) -> None:
    lines = [f"{coordinate}  {hashlib.sha256(path.read_bytes()).hexdigest()}\n" for coordinate, path in files.items()]
    (_HERE / f"{name}.lock").write_text(
        "# Written by `python -m deploy.local.relock`\n" + "".join(lines), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
