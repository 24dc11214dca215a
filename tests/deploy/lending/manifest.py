"""What lending is made of."""

from shared.bus.read_model import ReadModel
from shared.wiring.manifest import Manifest

MANIFEST = Manifest(
    name="lending",
    package="tests.deploy.lending",
    segments=("tools",),
    subscriptions=("lenders",),
    timers=("dusting",),
    read_models=(ReadModel("lenders", ("lenders",)),),
)
