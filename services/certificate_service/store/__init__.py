"""Documents <-> rules of certificates: the only place that knows fields and indexes."""

from pymongo import ASCENDING, IndexModel

from services.certificate_service.manifest import MANIFEST
from services.certificate_service.store import certificates, issuers, withheld
from services.certificate_service.store.certificates import Certificates, Sealed
from services.certificate_service.store.copies import Copies
from services.certificate_service.store.feed import STATE, Feed, Reconciled
from services.certificate_service.store.holders import HOLDERS, Holders
from services.certificate_service.store.issuers import Issuers, Reservation
from services.certificate_service.store.shares import SHARES, Shares
from services.certificate_service.store.withheld import WITHHELD, WithheldAwards
from shared.storage import seals
from shared.storage.migrations import Migration
from shared.storage.work import UnitOfWork
from shared.wiring.runtime import Service

__all__ = ["SERVICE", "Copies", "Feed", "Reconciled", "Reservation", "Sealed", "Store"]

SERVICE = Service(
    manifest=MANIFEST,
    indexes={
        **certificates.INDEXES,
        **issuers.INDEXES,
        HOLDERS: [],
        SHARES: [IndexModel([("certificate_id", ASCENDING)], name="certificate")],
        "courses": [],
        "organisations": [],
        "people": [],
        seals.GRANTS: seals.INDEXES,
        WITHHELD: withheld.INDEXES,
        "consumer_progress": [],
        STATE: [],
    },
    migrations=(
        Migration(1, "the place of a withheld award is its course, version and enrolment", withheld.MIGRATION),
    ),
)


class Store:
    """Certificates, holders, issuers and local copies, as one unit of work sees them."""

    def __init__(self, work: UnitOfWork) -> None:
        self.work = work
        self.certificates = Certificates(work)
        self.holders = Holders(work)
        self.issuers = Issuers(work)
        self.copies = Copies(work)
        self.shares = Shares(work)
        self.withheld = WithheldAwards(work)
        self.feed = Feed(work)
