"""What the catalogue is made of."""

from shared.bus.read_model import ReadModel
from shared.wiring.manifest import Manifest

MANIFEST = Manifest(
    name="catalog",
    package="services.catalog_service",
    segments=("courses", "sessions", "course-imports", "skills", "frameworks", "elm"),
    subscriptions=("copies", "reactions", "participants"),
    timers=("close_due",),
    read_models=(
        ReadModel("copies", ("organisations", "awarding_grants", "portals"), version=2),
        ReadModel("participants", ("participants", "session_seats"), version=2),
    ),
    migrations=("words_out_of_the_database",),
)
