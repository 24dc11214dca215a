"""Tokens: one issuer, one audience, signed, in time; everything else is refused."""

import base64
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from shared.auth import keys, verify
from shared.auth.caller import Caller
from shared.auth.keys import RemoteKeys
from shared.auth.verify import AuthSettings, TokenVerifier, acting_for
from shared.errors import Forbidden, Unauthenticated, Unavailable
from shared.settings import load
from tests.tokens import TestIssuer, make_key


@pytest.fixture
def issuer() -> Iterator[TestIssuer]:
    with TestIssuer() as running:
        yield running


def verifier_for(issuer: TestIssuer, **options: Any) -> TokenVerifier:
    remote = RemoteKeys(issuer.jwks_url, **{"retry_seconds": 0.1, **options})
    return TokenVerifier(issuer.issuer, issuer.jwks_url, issuer.audience, keys=remote)


def eventually(verifier: TokenVerifier, token: str, outcome: type[Exception] | None = None) -> str:
    """Ask until the token is good (its subject is returned) or, where an outcome is named, until that comes."""
    deadline = time.monotonic() + 20
    while True:
        try:
            subject = verifier.verify(token).subject
            assert outcome is None or time.monotonic() < deadline, "it is still good"
        except (Unauthenticated, Unavailable) as error:
            if outcome is not None and isinstance(error, outcome):
                return str(error)
            if time.monotonic() > deadline:
                raise
        else:
            if outcome is None:
                return subject
        time.sleep(0.01)


def test_a_good_token_names_the_caller(issuer: TestIssuer) -> None:
    verifier = TokenVerifier.of(load(AuthSettings, issuer.environment()))
    token = issuer.token(
        scopes=["catalog:write", "directory:read"],
        person_id="p1",
        cluster_id="c1",
        organisation_ids=["o1", "o2"],
        roles=["trainer"],
        subject="s1",
        client_id="portal",
    )

    assert verifier.verify(token) == Caller(
        subject="s1",
        client_id="portal",
        person_id="p1",
        cluster_id="c1",
        organisation_ids=frozenset({"o1", "o2"}),
        roles=frozenset({"trainer"}),
        scopes=frozenset({"catalog:write", "directory:read"}),
    )


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "Ed25519"])
def test_the_three_accepted_algorithms_are_accepted(algorithm: str) -> None:
    with TestIssuer(algorithm) as issuer:
        assert verifier_for(issuer).verify(issuer.token()).subject == "subject-1"


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # the issuer's side
def test_the_older_name_of_ed25519_is_accepted() -> None:
    with TestIssuer("EdDSA") as issuer:
        assert verifier_for(issuer).verify(issuer.token()).subject == "subject-1"


def test_a_single_organisation_may_come_without_a_list(issuer: TestIssuer) -> None:
    token = _with_claims(issuer, organisation_ids="o1")

    assert verifier_for(issuer).verify(token).acting_organisation == "o1"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": None}, "another issuer"),
        ({"aud": ["account"]}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"aud": {"clusterskills": 1}}, "another audience"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "never expires"),
        ({"exp": "2099"}, "never expires"),
        ({"exp": True}, "never expires"),
        ({"nbf": 99_999_999_999}, "not valid yet"),
        ({"iat": 99_999_999_999}, "not valid yet"),
        ({"iat": "now"}, "not valid yet"),
        ({"typ": "ID"}, "not an access token"),
        ({"typ": "Refresh"}, "not an access token"),
        ({"typ": 7}, "not an access token"),
        ({"sub": None}, "no subject"),
        ({"sub": 7}, "not a text"),
        ({"azp": ["a"]}, "not a text"),
        ({"scope": ["a"]}, "not a text"),
        ({"roles": 7}, "not a list of texts"),
        ({"organisation_ids": [7]}, "not a list of texts"),
    ],
)
def test_a_token_with_wrong_claims_is_refused(issuer: TestIssuer, claims: dict[str, Any], why: str) -> None:
    with pytest.raises(Unauthenticated, match=why) as refused:
        verifier_for(issuer).verify(_with_claims(issuer, **claims))
    assert refused.value.error_code == "INVALID_TOKEN"


def test_an_audience_that_is_one_text_counts(issuer: TestIssuer) -> None:
    assert verifier_for(issuer).verify(_with_claims(issuer, aud="clusterskills")).subject == "subject-1"


@pytest.mark.parametrize("header", [{"typ": "logout+jwt"}, {"crit": ["x"]}, {"b64": False}, {"kid": 7}, {"alg": 5}])
def test_a_token_with_a_strange_header_is_refused(issuer: TestIssuer, header: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        verifier_for(issuer).verify(_forge({"kid": "test-1", "alg": "ES256", **header}))


@pytest.mark.parametrize("header", [{"typ": "at+jwt"}, {"typ": None}, {"kid": None}])
def test_headers_of_other_providers_are_accepted(issuer: TestIssuer, header: dict[str, Any]) -> None:
    assert verifier_for(issuer).verify(issuer.token(header=header)).subject == "subject-1"


def test_an_unsigned_token_is_refused(issuer: TestIssuer) -> None:
    body = issuer.token().split(".")[1]

    for algorithm in ("none", "None", "NONE", ""):
        head = _base64(json.dumps({"alg": algorithm, "kid": "test-1"}).encode())
        with pytest.raises(Unauthenticated, match="algorithm"):
            verifier_for(issuer).verify(f"{head}.{body}.")


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(issuer: TestIssuer) -> None:
    public = json.dumps(issuer.key.as_dict(private=False))
    secret = OctKey.import_key(public)
    token = jwt.encode({"alg": "HS256", "kid": "test-1"}, {"iss": issuer.issuer}, secret, algorithms=["HS256"])

    with pytest.raises(Unauthenticated, match="algorithm"):
        verifier_for(issuer).verify(token)


def test_an_algorithm_that_does_not_go_with_the_key_is_refused(issuer: TestIssuer) -> None:
    with pytest.raises(Unauthenticated, match="does not go with its key"):
        verifier_for(issuer).verify(_forge({"kid": "test-1", "alg": "RS256"}))


def test_a_changed_token_is_refused(issuer: TestIssuer) -> None:
    head, _, signature = issuer.token().split(".")
    body = _base64(json.dumps({"sub": "somebody else"}).encode())

    with pytest.raises(Unauthenticated, match="signature"):
        verifier_for(issuer).verify(f"{head}.{body}.{signature}")


def test_a_token_of_another_issuers_key_is_refused(issuer: TestIssuer) -> None:
    with pytest.raises(Unauthenticated, match="signature"):
        verifier_for(issuer).verify(issuer.token(key=make_key("ES256", "test-1")))
    with pytest.raises(Unauthenticated, match="does not have"):
        verifier_for(issuer).verify(issuer.token(key=make_key("ES256", "unknown")))


@pytest.mark.parametrize(
    "token",
    ["", "a", "a.b", "a.b.c", "....", "ü.ü.ü", "x" * 20_000, "\udcff.a.b", "e30.e30.e30", "W10.W10.W10", "bnVsbA.a.b"],
)
def test_what_is_no_token_is_refused(issuer: TestIssuer, token: str) -> None:
    with pytest.raises(Unauthenticated):
        verifier_for(issuer).verify(token)


def test_a_token_is_checked_once_and_forgotten_when_it_expires(issuer: TestIssuer) -> None:
    now = [1_000_000.0]
    verifier = TokenVerifier(issuer.issuer, issuer.jwks_url, issuer.audience, now=lambda: now[0])
    token = _with_claims(issuer, iat=1_000_000, exp=1_000_060)

    first = verifier.verify(token)
    assert verifier.verify(token) is first
    now[0] += 69
    assert verifier.verify(token) is first, "ten seconds of leeway"
    now[0] += 2
    with pytest.raises(Unauthenticated, match="expired"):
        verifier.verify(token)


def test_remembered_tokens_do_not_pile_up(issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "_MOST_TOKENS", 10)
    verifier = verifier_for(issuer)

    for number in range(25):
        verifier.verify(issuer.token(subject=str(number)))
    assert len(verifier._seen) <= 10


def test_a_new_key_is_fetched_when_a_token_names_it(issuer: TestIssuer) -> None:
    verifier = verifier_for(issuer)
    old = issuer.token()
    verifier.verify(old)
    issuer.rotate()

    assert eventually(verifier, issuer.token()) == "subject-1"
    assert "does not have" in eventually(verifier, old, Unauthenticated)


def test_nobody_waits_for_a_provider_that_hangs_once_keys_are_known(
    issuer: TestIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "_FETCH_TIMEOUT_SECONDS", 60)
    verifier = verifier_for(issuer, retry_seconds=0)
    verifier.verify(issuer.token())
    unknown = [issuer.token(key=make_key("Ed25519", f"unknown-{number}")) for number in range(32)]
    with ThreadPoolExecutor(32) as pool, issuer.hanging():
        asked = [pool.submit(verifier.verify, token) for token in unknown]
        known = verifier.verify(issuer.token(subject="somebody else"))
        errors = [future.exception(timeout=20) for future in asked]

    assert known.subject == "somebody else"
    assert all(isinstance(error, Unavailable) for error in errors)


def test_a_token_that_the_provider_handed_over_may_wait_for_its_key(issuer: TestIssuer) -> None:
    remote = RemoteKeys(issuer.jwks_url, retry_seconds=0, patience_seconds=20)
    verifier = TokenVerifier(issuer.issuer, issuer.jwks_url, issuer.audience, keys=remote)
    verifier.verify(issuer.token())
    issuer.rotate()

    assert verifier.verify(issuer.token()).subject == "subject-1"


def test_unknown_key_ids_do_not_flood_the_provider(issuer: TestIssuer) -> None:
    verifier = TokenVerifier(issuer.issuer, issuer.jwks_url, issuer.audience)
    verifier.verify(issuer.token())

    for number in range(20):
        with pytest.raises(Unauthenticated):
            verifier.verify(issuer.token(key=make_key("Ed25519", f"unknown-{number}")))
    assert issuer.fetches == 1


def test_known_keys_serve_while_the_provider_is_down(issuer: TestIssuer) -> None:
    verifier = verifier_for(issuer)
    verifier.verify(issuer.token())
    issuer.down = True

    assert verifier.verify(issuer.token(subject="another")).subject == "another"
    eventually(verifier, issuer.token(key=make_key("ES256", "perhaps-new")), Unavailable)


def test_without_any_key_it_is_unavailable_and_recovers_by_itself(issuer: TestIssuer) -> None:
    verifier = verifier_for(issuer)
    issuer.down = True
    with pytest.raises(Unavailable) as error:
        verifier.verify(issuer.token())
    assert error.value.retry_after >= 1

    issuer.down = False
    assert eventually(verifier, issuer.token()) == "subject-1"


def test_a_provider_that_answers_nonsense_is_unavailable(issuer: TestIssuer) -> None:
    issuer.published = []

    with pytest.raises(Unavailable):
        verifier_for(issuer).verify(issuer.token())


def test_keys_that_are_not_for_us_are_passed_over(issuer: TestIssuer) -> None:
    encryption = make_key("RS256", "enc")
    issuer.published = [issuer.key, _Published({**encryption.as_dict(private=False), "use": "enc"})]  # type: ignore[list-item]
    issuer.published.append(_Published({"kty": "oct", "k": "c2VjcmV0", "kid": "secret"}))  # type: ignore[arg-type]
    issuer.published.append(_Published({"kty": "RSA", "n": "!", "e": "AQAB", "kid": "broken"}))  # type: ignore[arg-type]
    issuer.published.append(_Published({**encryption.as_dict(private=False), "alg": "PS256"}))  # type: ignore[arg-type]

    assert verifier_for(issuer).verify(issuer.token()).subject == "subject-1"
    with pytest.raises(Unauthenticated, match="does not have"):
        verifier_for(issuer).verify(issuer.token(key=encryption))


def test_a_key_that_the_provider_withdrew_stops_serving(issuer: TestIssuer) -> None:
    verifier = verifier_for(issuer, refresh_seconds=0)
    old = issuer.token()
    verifier.verify(old)
    issuer.rotate()
    eventually(verifier, issuer.token())  # fetches

    eventually(verifier, old, Unauthenticated)


def test_the_acting_organisation_is_one_of_the_tokens() -> None:
    caller = Caller(subject="s", client_id="c", organisation_ids=frozenset({"o1", "o2"}))

    assert acting_for(caller, "o2").acting_organisation == "o2"
    assert acting_for(caller, None).acting_organisation is None
    only = Caller(subject="s", client_id="c", organisation_ids=frozenset({"o1"}))
    assert acting_for(only, None).acting_organisation == "o1"
    with pytest.raises(Forbidden) as error:
        acting_for(caller, "o3")
    assert error.value.violations[0].required == ["o1", "o2"]


class _Published:
    """A key set entry that our own key classes would not write."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self._entry = entry

    def as_dict(self, private: bool) -> dict[str, Any]:
        return self._entry


def _with_claims(issuer: TestIssuer, **claims: Any) -> str:
    """A token whose claims are overwritten, also those that `token` has arguments for."""
    base = jwt.decode(issuer.token(), issuer.key, algorithms=["ES256"]).claims
    body = {name: value for name, value in {**base, **claims}.items() if value is not None}
    return jwt.encode({"alg": "ES256", "kid": issuer.key.kid}, body, issuer.key, algorithms=["ES256"])


def _forge(header: dict[str, Any]) -> str:
    return f"{_base64(json.dumps(header).encode())}.{_base64(b'{}')}.{_base64(b'x' * 64)}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
