"""Routes of imports: begun with a file, followed as jobs."""

from io import BytesIO

import msgspec

from services.directory_service.actions.importing import FIELDS, KIND, Wish
from services.directory_service.api.parts import Parts, actor_of
from services.directory_service.schemas import ImportBody
from shared.errors import Invalid, Violation
from shared.http.door import Call, Door, Reply, Upload
from shared.http.route import MULTIPART
from shared.tables.reading import open_table
from shared.wiring.columns import add_columns_route
from shared.wiring.jobs import JobView, KeepFile, add_job_routes, job_reply

_WRITE = "directory:write"
_LARGEST = 20 * 1024 * 1024


def add(door: Door, parts: Parts) -> None:
    """Declare them."""

    @door.post(
        "/v1/people-imports",
        scope=_WRITE,
        body=ImportBody,
        returns=JobView,
        status=202,
        accepts=(MULTIPART,),
        max_body=_LARGEST,
        errors=(403,),
    )
    def import_people(call: Call) -> Reply:
        """Import people from a CSV, XLSX, JSON or NDJSON file.

        The columns are recognised by their names, or chosen by `mapping` (a JSON object: field -> column). With
        `dry_run` the report is the same and nothing is changed. The answer is a job; its rows say what became of each.
        """
        upload = _file(call)
        columns = open_table(BytesIO(upload.content)).columns
        actor = actor_of(call)
        kept = call.uow.ask(KeepFile.of(upload, tenant=actor.cluster_id or ""))
        wish = Wish(
            file=kept,
            name=upload.filename,
            columns=columns,
            mapping=_mapping(call.body.get("mapping")),
            dry_run=call.body["dry_run"],
        )
        return job_reply(parts.writing(call.uow).imports.begin(actor, wish), "/v1/people-imports", made=True)

    add_columns_route(
        door,
        "/v1/people-imports",
        scope=_WRITE,
        wanted=FIELDS,
        propose=lambda call, columns: parts.reading().imports.propose(actor_of(call), columns),
    )
    add_job_routes(door, "/v1/people-imports", KIND, scope=_WRITE, jobs=parts.jobs, open_file=parts.open_file)


def _file(call: Call) -> Upload:
    if "file" not in call.files:
        message = "Send the file as the part `file` of the form."
        raise Invalid(message, violations=[Violation(field="file", code="REQUIRED", message=message)])
    return call.files["file"]


def _mapping(text: str | None) -> dict[str, str] | None:
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except msgspec.DecodeError as error:
        message = 'The mapping must be a JSON object of texts, such as {"external_id": "Number"}.'
        raise Invalid(message, violations=[Violation(field="mapping", code="INVALID", message=message)]) from error
