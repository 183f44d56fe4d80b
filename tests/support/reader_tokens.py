"""Keys of a login server, and the tokens that it signs."""

from __future__ import annotations

import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SECRET = "0123456789abcdef0123456789abcdef"
PRIVATE_KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def public_pem(key: Any) -> str:
    """The PEM of a private key's public one."""
    data: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return data.decode()


def make_token(
    key: Any = SECRET,
    algorithm: str = "HS256",
    headers: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """A token for top10 that is valid for an hour, but for what `claims` say; None leaves out."""
    given = {"exp": int(time.time()) + 3600, "views": ["top10"], **claims}
    kept = {name: value for name, value in given.items() if value is not None}
    return jwt.encode(kept, key, algorithm, headers)


def bearer(token: str) -> dict[str, str]:
    """The header of a request with that token."""
    return {"Authorization": f"Bearer {token}"}
