"""Settings of the portal; `app.py` reads them."""

from dataclasses import dataclass

from shared.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalSettings:
    """Where the portal stands, whom it asks, and what it serves."""

    public_url: str = setting("PUBLIC_URL", "Address of the gateway", example="https://skills.example.org")
    public_https_url: str = setting(
        "PUBLIC_HTTPS_URL",
        "Second address of the gateway, by https, where PUBLIC_URL is http",
        example="https://localhost:8443",
        default="",
    )
    session_secret: str = setting(
        "SESSION_SECRET",
        "Keys the sessions of the pages; the same in every process",
        example="32 random bytes",
        secret=True,
    )
    frontend_dir: str = setting(
        "FRONTEND_DIR", "Folder of the pages' style, icons and scripts", example="/opt/clusterskills/frontend"
    )
    partnerships_file: str = setting(
        "PARTNERSHIPS_FILE",
        "JSON file with the partnerships and clusters of the start page; none: not shown",
        example="/etc/clusterskills/partnerships.json",
        default="",
    )
    services: str = setting(
        "SERVICES",
        "Inner addresses of the services: name=address, separated by spaces",
        example="catalog=http://catalog:8000 enrolment=http://enrolment:8000",
    )
    operator_name: str = setting(
        "OPERATOR_NAME", "Who runs this installation, for the imprint", example="Example Cluster e. V.", default=""
    )
    operator_address: str = setting(
        "OPERATOR_ADDRESS", "Their postal address, on one line", example="Street 1, 12345 Town", default=""
    )
    operator_email: str = setting(
        "OPERATOR_EMAIL", "Where people write to them", example="skills@example.org", default=""
    )
    demo: bool = setting(
        "DEMO", "Show the style page /kit and the invented language of the tests", example="true", default=False
    )
    mail_folder: str = setting(
        "MAIL_FOLDER",
        "Folder of a demo's mails, shown at /mail to this machine only; none: not shown",
        example="/var/lib/clusterskills/mail",
        default="",
    )
    trusted_proxies: int = setting(
        "TRUSTED_PROXIES", "Proxies in front whose X-Forwarded-For is believed", example="1", default=1
    )
    log_level: str = setting("LOG_LEVEL", "debug, info, warning or error", example="info", default="info")

    @property
    def addresses(self) -> dict[str, str]:
        """The inner address of each service by its name, in their order."""
        return dict(pair.split("=", 1) for pair in self.services.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """The OpenID Connect provider where people sign in."""

    oidc_issuer: str = setting(
        "OIDC_ISSUER", "Issuer of the tokens we accept", example="https://id.example.org/auth/realms/clusterskills"
    )
    oidc_jwks_url: str = setting(
        "OIDC_JWKS_URL",
        "Where the issuer's public keys are, as seen from the services",
        example="http://keycloak:8080/auth/realms/clusterskills/protocol/openid-connect/certs",
    )
    oidc_token_url: str = setting(
        "OIDC_TOKEN_URL",
        "Where the issuer gives tokens, as seen from the services",
        example="http://keycloak:8080/auth/realms/clusterskills/protocol/openid-connect/token",
    )
    oidc_configuration_url: str = setting(
        "OIDC_CONFIGURATION_URL",
        "The issuer's discovery document as seen from the portal; none: below the issuer",
        example="http://keycloak:8080/auth/realms/clusterskills/.well-known/openid-configuration",
        default="",
    )
    portal_client_id: str = setting(
        "PORTAL_CLIENT_ID", "The pages' client at the issuer (public, code + PKCE)", example="portal", default="portal"
    )
