"""The demo's logins and clients and the table of roles and scopes: what a person edits."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.identity import ids
from services import manifests

ROLES = (
    *("worker", "trainer", "reviewer", "hr", "manager", "operator"),
    # People of an awarding body; who assesses applications for exchanges; who hosts one; who coordinates a partnership.
    *("awarding_officer", "assessor", "host", "coordinator"),
)
PARTNER = "partner-portal"
NAMES = "names-reader"
PROVIDER = "provider-program"
QUALITY = "quality-program"
IDENTITY = "identity-admin"
PROGRAM_ROLES = (PARTNER, NAMES, PROVIDER, QUALITY, IDENTITY)

SCOPES: dict[str, tuple[str, ...]] = {
    "catalog:write": ("trainer", "manager", PROVIDER),
    "catalog:review": ("reviewer", "manager", QUALITY),
    "enrolment:read": ("worker", "trainer", "hr", "manager", PARTNER),
    "enrolment:write": ("worker", "hr", "manager", PARTNER),
    "enrolment:approve": ("hr", "manager"),
    "teaching:write": ("trainer", "manager", PROVIDER),
    "certificate:read": ("worker", "trainer", "hr", "manager", "awarding_officer", PARTNER),
    "certificate:manage": ("hr", "manager", "awarding_officer"),
    "directory:read": ("hr", "manager", "operator", "coordinator", PARTNER),
    "directory:write": ("hr", "manager", "operator", PARTNER),
    "directory:names": (NAMES,),
    "exchange:read": ("worker", "trainer", "hr", "manager", "assessor", "host", "coordinator"),
    "exchange:write": ("worker", "trainer", "manager", "host"),
    "exchange:assess": ("assessor",),
    "insight:read": ("hr", "manager", "operator", "coordinator"),
    "operations": ("operator",),
}
"""Every scope of the API and the roles it may go to. A token gets a scope only when its owner has one of the roles."""

PARTNER_SCOPES = ("enrolment:read", "enrolment:write", "directory:read", "directory:write", "certificate:read")
PROVIDER_SCOPES = ("catalog:write", "teaching:write")
PEOPLE_SCOPES = tuple(scope for scope in SCOPES if scope != "directory:names")


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody of the demo who can sign in, and for whom they act."""

    username: str
    role: str
    given_name: str
    family_name: str
    cluster: str | None = None
    organisations: tuple[str, ...] = ()

    @property
    def person_id(self) -> str:
        return ids.person_id(self.username)


@dataclass(frozen=True, slots=True)
class Client:
    """A program with its own secret, and the scopes it gets."""

    client_id: str
    role: str
    scopes: tuple[str, ...]
    cluster: str | None = None
    organisations: tuple[str, ...] = ()
    manages: tuple[str, ...] = ()
    """Keycloak's own rights in this realm."""

    @property
    def secret_variable(self) -> str:
        """Name the environment variable that fills the placeholder in the realm file."""
        return secret_of(self.client_id)


def secret_of(client_id: str) -> str:
    """Name the variable of a client's secret."""
    return "CLUSTERSKILLS_SECRET_" + client_id.upper().replace("-", "_")


_SMALL, _SECOND, _SCHOOL = 0, 1, 2
_TOWNS: dict[str, tuple[str, tuple[str, str, str]]] = {
    "wfr-heilbronn": ("heilbronn", ("musterwerk-fraestechnik", "beispiel-sensorik", "musterakademie-heilbronn")),
    "caar-aragon": ("aragon", ("ejemplo-estampacion-ebro", "ejemplo-plasticos-zaragoza", "aula-ejemplo-aragon")),
    "femac-catalonia": (
        "lleida",
        ("exemple-sembradores-lleida", "exemple-polvoritzadors-segria", "escola-exemple-agromaquina"),
    ),
    "ac-serbia": ("serbia", ("primer-kablovi", "primer-livnica", "primer-akademija")),
    "comet-fvg": ("friuli", ("esempio-stampi-friuli", "esempio-automazioni-pordenone", "scuola-esempio-meccatronica")),
    "msac-moravia": ("moravia", ("vzor-obrabeni-ostrava", "vzor-svetlomety", "vzorova-akademie-ostrava")),
}
_NAMES: dict[str, tuple[tuple[str, str], ...]] = {
    "wfr-heilbronn": (("Jana", "Keller"), ("Uwe", "Graf"), ("Petra", "Haas"), ("Nele", "Brandt"), ("Emil", "Lang")),
    "caar-aragon": (("Alba", "Sanz"), ("Iván", "Calvo"), ("Pilar", "Gil"), ("Diego", "Marín"), ("Eva", "Lorente")),
    "femac-catalonia": (
        ("Núria", "Puig"),
        ("Jordi", "Soler"),
        ("Rosa", "Vidal"),
        ("Miquel", "Serra"),
        ("Laia", "Bosch"),
    ),
    "ac-serbia": (("Ivana", "Ilić"), ("Goran", "Savić"), ("Maja", "Lukić"), ("Petar", "Tomić"), ("Sanja", "Matić")),
    "comet-fvg": (("Chiara", "Zorzi"), ("Luca", "Rossi"), ("Paola", "Bruni"), ("Marco", "Furlan"), ("Elisa", "Gallo")),
    "msac-moravia": (("Hana", "Malá"), ("Petr", "Beneš"), ("Jitka", "Nová"), ("Karel", "Dušek"), ("Eva", "Horká")),
}


_SCHOOLS = {
    "wfr-heilbronn": "musterakademie-heilbronn",
    "caar-aragon": "aula-ejemplo-aragon",
    "femac-catalonia": "escola-exemple-agromaquina",
    "ac-serbia": "primer-akademija",
    "comet-fvg": "scuola-esempio-meccatronica",
    "msac-moravia": "vzorova-akademie-ostrava",
    "pvf": "campus-exemple-est",
    "ceaga": "aula-ejemplo-vigo",
    "silesia-am": "akademia-przyklad-katowice",
    "ac-bulgaria": "akademiya-primer-sofia",
    "ciac-catalonia": "escola-exemple-motor",
    "zone": "minta-akademia-zala",
    "moveo": "campus-exemple-normandie",
    "emobility-regensburg": "musterakademie-donau",
    "automotive-nl": "voorbeeld-academie",
    "mobinov": "academia-exemplo-norte",
}
"""The training provider of each cluster: its course system acts for it."""
CLUSTERS = tuple(_SCHOOLS)
_HEILBRONN = "wfr-heilbronn"
_FEW = (
    Login(
        *("awarding_officer@heilbronn.example", "awarding_officer", "Ilse", "Roth", _HEILBRONN),
        ("musterakademie-heilbronn",),
    ),
    Login("assessor@heilbronn.example", "assessor", "Jörg", "Behrens", _HEILBRONN),
    Login("host@heilbronn.example", "host", "Maren", "Vogt", _HEILBRONN, ("beispiel-sensorik",)),
    Login("coordinator@heilbronn.example", "coordinator", "Anke", "Thiel", _HEILBRONN),
)


def logins() -> tuple[Login, ...]:
    """Return one login per role for each cluster of the first partnership, the operator of the platform, and one login for
    each role that few have."""
    local = tuple(login for slug in _TOWNS for login in _logins_of(slug))
    return (*local, Login("operator@clusterskills.example", "operator", "Ada", "Betrieb"), *_FEW)


def clients() -> tuple[Client, ...]:
    """Return the programs with a secret: three per cluster, the services' own and the platform's operator.

    A cluster has its partner portal, its providers' course system, and its quality office that reviews what they write.
    """
    partners = tuple(Client(f"partner-{slug}", PARTNER, PARTNER_SCOPES, slug) for slug in CLUSTERS)
    providers = tuple(
        Client(f"provider-{slug}", PROVIDER, PROVIDER_SCOPES, slug, (school,)) for slug, school in _SCHOOLS.items()
    )
    quality = tuple(Client(f"quality-{slug}", QUALITY, ("catalog:review",), slug) for slug in CLUSTERS)
    inner = tuple(
        Client(one.client_id(own), own.role, own.scopes, manages=own.manages)
        for one in manifests()
        for own in one.clients
    )
    operator = Client("platform-operator", "operator", ("operations", "directory:read", "directory:write"))
    return (*partners, *providers, *quality, *inner, operator)


def _logins_of(slug: str) -> tuple[Login, ...]:
    town, companies = _TOWNS[slug]
    home = {
        "trainer": (companies[_SCHOOL],),
        "reviewer": (),
        "hr": (companies[_SMALL], companies[_SECOND]),
        "manager": (),
        "worker": (companies[_SMALL],),
    }
    return tuple(
        Login(f"{role}@{town}.example", role, given, family, slug, organisations)
        for (role, organisations), (given, family) in zip(home.items(), _NAMES[slug], strict=True)
    )
