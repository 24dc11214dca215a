"""What the certificate service is made of."""

from services.certificate_service.settings import CertificateSettings
from shared.bus.read_model import ReadModel
from shared.wiring.manifest import IdentityClient, Manifest

MANIFEST = Manifest(
    name="certificate",
    package="services.certificate_service",
    segments=("certificates", "certificate-batches", "certificate-exports", "verifications", "credentials", "issuers"),
    outside=("credentials", "status", "issuers"),
    subscriptions=("copies", "issuing"),
    timers=("visibility", "give_out"),
    read_models=(ReadModel("copies", ("courses", "organisations", "people", "awarding_grants")),),
    migrations=("the place of a withheld award is its course, version and enrolment",),
    settings=(CertificateSettings,),
    clients=(IdentityClient("names", role="names-reader", scopes=("directory:names",)),),
)
