"""What `clusterskills skills import` does: take the official download of ESCO into the catalogue's database."""

import time
from pathlib import Path

import typer

from clusterskills.output import refuse, say, show
from deploy.local import stack
from deploy.local.errors import StackError
from services.catalog_service.adapters import esco
from services.catalog_service.domain.skills import ESCO, Framework
from services.catalog_service.store.skills import Skills
from shared.clock import new_id
from shared.storage.mongo import MongoSettings, connect, open_database

_LICENCE = "(c) European Union; reuse under Decision 2011/833/EU with attribution"


def take(
    folder: Path, data: Path, *, mongo: str | None, prefix: str, version: str | None, suggest: bool, as_json: bool
) -> None:
    """Read the files and replace what the catalogue has of ESCO; says how many there are."""
    begun = time.monotonic()
    try:
        download = esco.read(folder, version)
        settings = MongoSettings(mongo_url=mongo, database_prefix=prefix) if mongo else _settings(data)
    except (esco.NotEsco, StackError) as error:
        refuse(error)
    client = connect(settings.mongo_url)
    try:
        skills, import_id = Skills(open_database(client, settings, "catalog")), new_id()
        counts = skills.replace(_esco(download), download.concepts, import_id)
        told = {"version": download.version, **counts, "seconds": round(time.monotonic() - begun, 1)}
        if as_json:
            show(told)
        else:
            say(_SENTENCE.format(**told))
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
