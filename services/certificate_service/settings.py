"""What only the certificate service needs to know."""

from dataclasses import dataclass

from shared.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSettings:
    """What only this service needs to know."""

    public_https_url: str = setting(
        "PUBLIC_HTTPS_URL",
        "Address of the gateway by https; part of every certificate permanently",
        example="https://skills.example.org",
    )
    person_key_secret: str = setting(
        "PERSON_KEY_SECRET",
        "Wraps the keys of people and awarding bodies; kept apart from the database and its backups",
        example="32 random bytes",
        secret=True,
    )
    directory_url: str = setting(
        "DIRECTORY_URL", "The directory as seen from the services", example="http://directory:8000"
    )
    oidc_token_url: str = setting(
        "OIDC_TOKEN_URL",
        "Where our own clients get tokens, as seen from the services",
        example="http://keycloak:8080/auth/realms/clusterskills/protocol/openid-connect/token",
    )
    names_client_id: str = setting(
        "NAMES_CLIENT_ID", "Client by which this service asks for names", example="names-certificate"
    )
    names_client_secret: str = setting("NAMES_CLIENT_SECRET", "Its secret", example="32 random bytes", secret=True)
