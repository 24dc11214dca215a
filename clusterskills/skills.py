"""`clusterskills skills`: take vocabularies in, and look skills up."""

import json
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from deploy.local import stack
from deploy.local.errors import StackError
from services.catalog_service.adapters import esco
from services.catalog_service.domain.skills import ESCO, Framework
from services.catalog_service.store.skills import Skills
from shared.clock import new_id
from shared.storage.mongo import MongoSettings, connect, open_database

commands = typer.Typer(help="Vocabularies of skills.", no_args_is_help=True)
_LICENCE = "(c) European Union; reuse under Decision 2011/833/EU with attribution"


def register(app: typer.Typer) -> None:
    """Add `skills` to the program."""
    app.add_typer(commands, name="skills")


@commands.callback()
def _together() -> None:
    """Hold the commands together also when there is only one."""


@commands.command(name="import")
def take(
    folder: Annotated[Path, typer.Argument(help="The official download of ESCO, unpacked.")],
    data: Annotated[Path, typer.Option("--data", help="The folder of a running stack.")] = stack.DEFAULT_DATA,
    mongo: Annotated[str | None, typer.Option(help="Instead of --data: the catalogue's MongoDB.")] = None,
    prefix: Annotated[str, typer.Option(help="With --mongo: start of the database names.")] = "clusterskills_",
    version: Annotated[str | None, typer.Option(help="Where the files do not name it.")] = None,
    suggest: Annotated[bool, typer.Option(help="Let skills be suggested by meaning, too.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Take the official download of ESCO, any version. What it no longer has is kept for the courses that name it."""
    begun = time.monotonic()
    try:
        download = esco.read(folder, version)
        settings = MongoSettings(mongo_url=mongo, database_prefix=prefix) if mongo else _settings(data)
    except (esco.NotEsco, StackError) as error:
        _refuse(str(error))
    client = connect(settings.mongo_url)
    try:
        skills, import_id = Skills(open_database(client, settings, "catalog")), new_id()
        counts = skills.replace(_esco(download), download.concepts, import_id)
        told = {"version": download.version, **counts, "seconds": round(time.monotonic() - begun, 1)}
        typer.echo(json.dumps(told) if as_json else _SENTENCE.format(**told))
        if suggest:
            typer.echo("The sentence model reads the labels, for suggestions: half a minute or more.", err=True)
            _read_labels(skills, import_id)
    finally:
        client.close()


def _read_labels(skills: Skills, import_id: str) -> None:
    from services.catalog_service.adapters import meaning  # the model is large

    concepts = list(skills.released(ESCO))
    vectors = meaning.packed(meaning.encode([meaning.wording(concept) for concept in concepts]))
    skills.keep_vectors([concept.id for concept in concepts], vectors, import_id)


_SENTENCE = (
    "ESCO {version}: {released} skills in {seconds} s. {replaced} earlier ones are replaced; {courses} courses name one "
    "of them and stay as they are."
)


def _esco(download: esco.Download) -> Framework:
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
    facts, _ = stack.status(data)
    prefix = facts.get("database_prefix", "clusterskills_")
    return MongoSettings(mongo_url=str(facts["mongo"]), database_prefix=str(prefix))


def _refuse(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
