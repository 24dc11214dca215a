"""What only the directory needs to know."""

from dataclasses import dataclass

from shared.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """Where keys of programs and logins of people are made; without it they cannot be made here."""

    identity_admin_url: str = setting(
        "IDENTITY_ADMIN_URL",
        "Keycloak's admin API of our realm, as seen from the services; empty: keys and logins are made elsewhere",
        example="http://keycloak:8080/auth/admin/realms/clusterskills",
        default="",
    )
    identity_client_id: str = setting(
        "IDENTITY_CLIENT_ID",
        "Client by which the directory makes keys and logins",
        example="identity-directory",
        default="identity-directory",
    )
    identity_client_secret: str = setting(
        "IDENTITY_CLIENT_SECRET", "Its secret", example="32 random bytes", default="", secret=True
    )
    oidc_token_url: str = setting(
        "OIDC_TOKEN_URL",
        "Where our own clients get tokens, as seen from the services",
        example="http://keycloak:8080/auth/realms/clusterskills/protocol/openid-connect/token",
        default="",
    )
