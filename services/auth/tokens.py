"""Access tokens (EdDSA JWTs, RFC 8037) and refresh tokens (opaque secrets)."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tradewind.auth.v1.auth_pb2 import Jwk, Jwks

from mesh.identity.names import ACCESS_AUDIENCE, ACCESS_ISSUER

NONCE_BYTES = 12
REFRESH_BYTES = 32


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A signing key as it is stored: encrypted with AES-GCM, its id authenticated."""

    kid: str
    sealed: bytes


class SigningKey:
    """An Ed25519 key pair and its id, the RFC 7638 thumbprint of the public key."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self.private = private
        self.x = _base64url(private.public_key().public_bytes_raw())
        members = {"crv": "Ed25519", "kty": "OKP", "x": self.x}
        canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
        self.kid = _base64url(hashlib.sha256(canonical.encode()).digest())

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key."""
        return cls(Ed25519PrivateKey.generate())

    def seal(self, secret: bytes) -> SealedKey:
        """The key encrypted under a 256-bit secret."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        plain = self.private.private_bytes_raw()
        return SealedKey(self.kid, nonce + AESGCM(secret).encrypt(nonce, plain, self.kid.encode()))

    @classmethod
    def open(cls, stored: SealedKey, secret: bytes) -> SigningKey:
        """The key that was sealed.

        Raises:
            ValueError: it was sealed under another secret, or was tampered with.
        """
        nonce, content = stored.sealed[:NONCE_BYTES], stored.sealed[NONCE_BYTES:]
        try:
            plain = AESGCM(secret).decrypt(nonce, content, stored.kid.encode())
        except InvalidTag as error:
            raise ValueError(
                "the stored signing key does not open with the secret in TRADEWIND_KEY_SECRET_FILE"
            ) from error
        return cls(Ed25519PrivateKey.from_private_bytes(plain))

    def jwk(self) -> Jwk:
        """The public half."""
        return Jwk(kty="OKP", crv="Ed25519", x=self.x, kid=self.kid, use="sig", alg="EdDSA")


class AccessTokens:
    """Signs access tokens with the newest key."""

    def __init__(self, keys: Sequence[SigningKey], lifetime_s: int) -> None:
        """Takes the keys in force, newest first, and the seconds a token is good."""
        self._key = keys[0]
        self.lifetime_s = lifetime_s
        self.jwks = Jwks(keys=[key.jwk() for key in keys])

    def issue(self, user_id: str, role: str, jti: str, now_s: int) -> str:
        """A token for a user, good from `now_s` (seconds since 1970)."""
        claims = {
            "iss": ACCESS_ISSUER,
            "aud": ACCESS_AUDIENCE,
            "sub": user_id,
            "roles": [role],
            "jti": jti,
            "iat": now_s,
            "exp": now_s + self.lifetime_s,
        }
        headers = {"kid": self._key.kid}
        return jwt.encode(claims, self._key.private, algorithm="EdDSA", headers=headers)


def new_refresh_token() -> str:
    """256 random bits, as text."""
    return secrets.token_urlsafe(REFRESH_BYTES)


def hash_of(refresh_token: str) -> str:
    """What is stored of a refresh token; its secret is random, so no salt is needed."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()
