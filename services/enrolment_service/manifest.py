"""What enrolment is made of."""

from shared.auth.references import ReferenceSettings
from shared.bus.read_model import ReadModel
from shared.wiring.manifest import IdentityClient, Manifest

MANIFEST = Manifest(
    name="enrolment",
    package="services.enrolment_service",
    segments=(
        *("enrolments", "enrolment-imports", "enrolment-decisions", "enrolment-changes", "approval-delegates"),
        *("seats", "quotas", "assignments", "check-ins", "rosters"),
    ),
    subscriptions=("copies", "reactions"),
    timers=("care", "sweep", "expire", "lapse", "consents", "queues", "forget"),
    migrations=("bring enrolments into the feed",),
    read_models=(
        ReadModel("copies", ("sessions", "people", "courses", "person_refs", "portals", "organisations"), version=3),
    ),
    settings=(ReferenceSettings,),
    clients=(IdentityClient("names", role="names-reader", scopes=("directory:names",)),),
)
