"""Lending put together."""

from marshmallow import Schema, fields

from shared.bus.inbox import Subscription
from shared.bus.timers import Timer
from shared.http.door import PUBLIC, Call, Door, Reply
from shared.schemas.directory import OrganisationRegistered
from shared.storage.work import UnitOfWork
from shared.wiring.frame import Frame, Wired
from shared.wiring.runtime import Runtime, Service
from tests.deploy.lending.manifest import MANIFEST


class ToolView(Schema):
    """A tool."""

    id = fields.String(required=True)


def wire(runtime: Runtime) -> Wired:
    """The parts of lending."""

    def on_registered(event: OrganisationRegistered, work: UnitOfWork) -> None:
        work.peek("lenders", event.organisation_id)
        work.save("lenders", {"_id": event.organisation_id})

    return Wired(
        doors=[_door()],
        subscriptions=[Subscription(name="lenders", handlers={OrganisationRegistered: on_registered})],
        timers=[Timer("dusting", 60.0, lambda: 0)],
    )


def _door() -> Door:
    door = Door("lending")

    @door.get("/v1/tools", scope=PUBLIC, returns=ToolView, paged=True)
    def list_tools(call: Call) -> Reply:
        """The tools that can be borrowed."""
        return Reply(call.page([{"id": "hammer"}], None))

    return door


FRAME = Frame(Service(manifest=MANIFEST, indexes={"lenders": []}), wire)
create_app = FRAME.create_app
