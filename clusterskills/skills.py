"""`clusterskills skills`: take a vocabulary of skills in."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clusterskills.output import AsJson, Data, facts_of, refuse, say, show
from deploy.local import stack

if TYPE_CHECKING:
    from services.catalog_service.adapters.esco import Download
    from services.catalog_service.domain.skills import Framework
    from services.catalog_service.store.skills import Skills
    from shared.storage.mongo import MongoSettings

commands = typer.Typer(help="Vocabularies of skills.", no_args_is_help=True)
_LICENCE = "(c) European Union; reuse under Decision 2011/833/EU with attribution"
_SENTENCE = (
    "ESCO {version}: {released} skills in {seconds} s. {replaced} earlier ones are replaced; {courses} courses name one "
    "of them and stay as they are."
)


def register(app: typer.Typer) -> None:
    """Add `skills` to the program."""
    app.add_typer(commands, name="skills")


@commands.callback()
def _together() -> None:
    """Hold the commands together also when there is only one."""


@commands.command(name="import")
def take(
    folder: Annotated[Path, typer.Argument(help="The official download of ESCO, unpacked.")],
    data: Data = stack.DEFAULT_DATA,
    mongo: Annotated[str | None, typer.Option(help="Instead of --data: the catalogue's MongoDB.")] = None,
    prefix: Annotated[str, typer.Option(help="With --mongo: start of the database names.")] = "clusterskills_",
    version: Annotated[str | None, typer.Option(help="Where the files do not name it.")] = None,
    suggest: Annotated[bool, typer.Option(help="Let skills be suggested by meaning, too.")] = True,
    as_json: AsJson = False,
) -> None:
    """Take the official download of ESCO, any version. What it no longer has is kept for the courses that name it."""
    from services.catalog_service.adapters import esco
    from services.catalog_service.store.skills import Skills
    from shared.clock import new_id
    from shared.storage.mongo import MongoSettings, connect, open_database

    begun = time.monotonic()
    try:
        download = esco.read(folder, version)
    except esco.NotEsco as error:
        refuse(str(error))
    settings = MongoSettings(mongo_url=mongo, database_prefix=prefix) if mongo else _settings(data)
    client = connect(settings.mongo_url)
    try:
        skills, import_id = Skills(open_database(client, settings, "catalog")), new_id()
        counts = skills.replace(_esco(download), download.concepts, import_id)
        told = {"version": download.version, **counts, "seconds": round(time.monotonic() - begun, 1)}
        if suggest:
            typer.echo("The sentence model reads the labels, for suggestions: half a minute or more.", err=True)
            _read_labels(skills, import_id)
        if as_json:
            show(told)
        else:
            say(_SENTENCE.format(**told))
    finally:
        client.close()


def _read_labels(skills: Skills, import_id: str) -> None:
    from services.catalog_service.adapters import meaning
    from services.catalog_service.domain.skills import ESCO

    concepts = list(skills.released(ESCO))
    vectors = meaning.packed(meaning.encode([meaning.wording(concept) for concept in concepts]))
    skills.keep_vectors([concept.id for concept in concepts], vectors, import_id)


def _esco(download: Download) -> Framework:
    from services.catalog_service.domain.skills import ESCO, Framework

    source = f"ESCO classification {download.version}, European Commission"
    return Framework(
        code=ESCO,
        name="ESCO",
        version=download.version,
        source=source,
        licence=_LICENCE,
        languages=download.languages,
        concepts=len(download.concepts),
    )


def _settings(data: Path) -> MongoSettings:
    from shared.storage.mongo import MongoSettings

    facts = facts_of(data)
    prefix = facts.get("database_prefix", "clusterskills_")
    return MongoSettings(mongo_url=str(facts["mongo"]), database_prefix=str(prefix))
