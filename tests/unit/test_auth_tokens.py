"""Access tokens, the keys that sign them, and the configured secret."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.json_format import MessageToJson
from jwt.types import Options

from services.auth.settings import AuthSettings, read_secret
from services.auth.tokens import (
    AccessTokens,
    SealedKey,
    SigningKey,
    hash_of,
    new_refresh_token,
)
from tests.support.workloads import Workloads

SECRET = bytes(range(32))
NOW_S = 1_700_000_000


def test_a_token_says_who_may_do_what_and_until_when() -> None:
    key = SigningKey.generate()
    tokens = AccessTokens([key], 900)
    token = tokens.issue("user-1", "CUSTOMER", "jti-1", NOW_S)
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": key.kid, "typ": "JWT"}
    claims = jwt.decode(
        token,
        key.private.public_key(),
        algorithms=["EdDSA"],
        audience="tradewind",
        issuer="tradewind",
        options={"verify_exp": False},
    )
    assert claims == {
        "iss": "tradewind",
        "aud": "tradewind",
        "sub": "user-1",
        "roles": ["CUSTOMER"],
        "jti": "jti-1",
        "iat": NOW_S,
        "exp": NOW_S + 900,
    }


def test_the_key_set_verifies_tokens_and_holds_no_private_part() -> None:
    newest, older = SigningKey.generate(), SigningKey.generate()
    tokens = AccessTokens([newest, older], 900)
    keys = json.loads(MessageToJson(tokens.jwks))["keys"]
    assert [key["kid"] for key in keys] == [newest.kid, older.kid]
    assert keys[0].keys() == {"kty", "crv", "x", "kid", "use", "alg"}
    found = jwt.PyJWKSet.from_dict({"keys": keys})[newest.kid]
    token = tokens.issue("user-1", "CUSTOMER", "jti-1", NOW_S)
    options: Options = {"verify_exp": False, "verify_aud": False}
    assert jwt.decode(token, found.key, algorithms=["EdDSA"], options=options)["sub"] == "user-1"
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, older.private.public_key(), algorithms=["EdDSA"], options=options)


def test_a_keys_id_is_its_thumbprint() -> None:
    """The example of RFC 8037, appendix A.3."""
    private = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(private)))
    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_sealed_key_opens_with_its_secret_only_and_unchanged_only() -> None:
    key = SigningKey.generate()
    sealed = key.seal(SECRET)
    assert key.private.private_bytes_raw() not in sealed.sealed
    assert SigningKey.open(sealed, SECRET).kid == key.kid
    assert key.seal(SECRET).sealed != sealed.sealed
    changed = sealed.sealed[:-1] + bytes([sealed.sealed[-1] ^ 1])
    for stored, secret in (
        (sealed, bytes(32)),
        (SealedKey(sealed.kid, changed), SECRET),
        (replace(sealed, kid=SigningKey.generate().kid), SECRET),
    ):
        with pytest.raises(ValueError, match="TRADEWIND_KEY_SECRET_FILE"):
            SigningKey.open(stored, secret)


def test_refresh_tokens_are_long_and_stored_as_hashes() -> None:
    tokens = {new_refresh_token() for _ in range(100)}
    assert len(tokens) == 100
    for token in tokens:
        assert len(base64.urlsafe_b64decode(token + "=")) == 32
        assert len(token) <= 128
        assert token not in hash_of(token)
    assert len({hash_of(token) for token in tokens}) == 100


def test_the_secret_is_base64_with_or_without_a_new_line(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    for end in (b"", b"\n"):
        path.write_bytes(base64.b64encode(SECRET) + end)
        assert read_secret(path) == SECRET


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "32 bytes"),
        (b"!!", "base64"),
        (base64.b64encode(bytes(31)), "32 bytes"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_wrong_secret_stops_the_start_and_names_the_variable(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    settings = Workloads(tmp_path).settings("auth").model_dump()
    with pytest.raises(ValueError, match=message) as refused:
        AuthSettings(**settings, key_secret_file=path)
    assert "key_secret_file" in str(refused.value)
