"""The keys of `--reader-key`: which tokens of readers are valid, and what each grants.

A token is a JSON Web Token (RFC 7519). Each key allows one algorithm, given by its kind, so that a
token can choose none: neither `none` nor HS256 signed with the text of a public key.
docs/security.md describes the file and the claims.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import jwt
import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from server.access.grant import Grant
from server.access.refusal import Refusal

MIN_SECRET = 32
"""Bytes of a shared secret: as many as HS256's hash has (RFC 7518, 3.2)."""
MIN_RSA = 2048
MAX_TOKEN = 8 << 10
"""Characters of a token. Headers of a request may be longer."""
LATEST = 1e11
"""Seconds since 1970 that a claim can name: the year 5138."""
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_JWS = jwt.PyJWS()

PublicKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


class ReaderKeyError(Exception):
    """The file of `--reader-key` cannot be used; the message repeats nothing of it."""


class _Header(msgspec.Struct):
    alg: str
    kid: str | None = None


class _Claims(msgspec.Struct):
    exp: float | None = None
    nbf: float | None = None
    aud: str | list[str] | None = None
    views: str | list[str] = []
    parts: dict[str, str | list[str | None] | None] = {}


@dataclass(frozen=True)
class Key:
    """One key, and the one algorithm that it allows."""

    algorithm: str
    key: Any
    fingerprint: str
    kid: str | None = None


class ReaderKeys:
    """The keys of the file at `path`, until `reload` reads it again.

    `audience` is what a token's claim `aud` must name; None: the token must have no such claim.
    Raises ReaderKeyError.
    """

    def __init__(self, path: Path, audience: str | None = None) -> None:
        self._path = path
        self._audience = audience
        self.keys = load_keys(path)

    def reload(self) -> None:
        """Read the file again; raises ReaderKeyError and keeps the keys if it cannot be used."""
        self.keys = load_keys(self._path)

    def is_known(self, fingerprint: str | None) -> bool:
        """Whether the file still has the key that signed a token."""
        return any(key.fingerprint == fingerprint for key in self.keys)

    def check(self, token: str, at: float) -> Grant | Refusal:
        """Check a token at a time in seconds since 1970; return what it grants."""
        found = self._verify(token)
        if isinstance(found, Refusal):
            return found
        key, payload = found
        try:
            claims = msgspec.json.decode(payload, type=_Claims)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            return _refuse(f"the token's claims are wrong: {error}")
        problem = self._problem(claims, at)
        if problem is not None:
            return _refuse(problem)
        if isinstance(claims.views, str) and claims.views != "*":
            return _refuse('the claim views must be a list of names or "*"')
        return _grant(claims, key.fingerprint)

    def _verify(self, token: str) -> tuple[Key, bytes] | Refusal:
        """Find the key that signed the token, and return it with the token's payload."""
        header = _read_header(token)
        if header is None:
            return _refuse("expected a JSON Web Token")
        keys = [key for key in self.keys if key.algorithm == header.alg]
        if not keys:
            allowed = " or ".join(sorted({key.algorithm for key in self.keys}))
            return _refuse(f"expected a token signed by {allowed}, found {header.alg[:20]!r}")
        named = [key for key in keys if key.kid is not None and key.kid == header.kid]
        for key in named or keys:
            try:
                return key, _JWS.decode(token, key.key, [key.algorithm])
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, RecursionError, ValueError):
                return _refuse("expected a JSON Web Token")
        return _refuse("the token's signature is wrong")

    def _problem(self, claims: _Claims, at: float) -> str | None:
        """Why the claims permit nothing at this time; None if they do."""
        if claims.exp is None or claims.exp > LATEST:
            return "expected the claim exp, in seconds since 1970"
        if claims.exp <= at:
            return "the token has expired"
        if claims.nbf is not None and at < claims.nbf:
            return "the token is not valid yet"
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if self._audience is None:
            is_for_all = audiences is None
            return None if is_for_all else "the token is for an audience: see --reader-audience"
        return None if self._audience in (audiences or []) else "the token is for another audience"


def _grant(claims: _Claims, fingerprint: str) -> Grant:
    parts = {
        view: frozenset(values if isinstance(values, list) else [values])
        for view, values in claims.parts.items()
    }
    views = None if claims.views == "*" else frozenset(claims.views)
    return Grant(views, parts, claims.exp, fingerprint)


def _refuse(sentence: str) -> Refusal:
    return Refusal(401, sentence)


def _read_header(token: str) -> _Header | None:
    if len(token) > MAX_TOKEN or not token.isascii():
        return None
    try:
        encoded = jwt.utils.base64url_decode(token.partition(".")[0])
        return msgspec.json.decode(encoded, type=_Header)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


def load_keys(path: Path) -> tuple[Key, ...]:
    """Read public keys (PEM or a JSON Web Key Set) or shared secrets, one a line."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise ReaderKeyError(f"cannot read the reader keys in {path}: {reason}") from error
    try:
        keys = tuple(_parse_keys(text))
    except (ValueError, UnsupportedAlgorithm, jwt.PyJWTError, RecursionError) as error:
        reason = str(error) if isinstance(error, _FormatError) else "it cannot be parsed"
        raise ReaderKeyError(f"cannot use the reader keys in {path}: {reason}") from None
    if not keys:
        raise ReaderKeyError(f"cannot use the reader keys in {path}: there is none")
    return keys


class _FormatError(ValueError):
    """A key is not one that can be used; the message holds nothing of the key."""


def _parse_keys(text: str) -> Iterable[Key]:
    if "-----BEGIN " in text:
        _check_blocks(_PEM.sub("", text))
        return [_parse_pem(match[0], match[1]) for match in _PEM.finditer(text)]
    if text.lstrip().startswith("{"):
        keys = msgspec.json.decode(text, type=_KeySet).keys
        return [_parse_jwk(one) for one in keys if one.get("use", "sig") == "sig"]
    return [_secret(line.strip().encode()) for line in text.splitlines() if line.strip()]


def _check_blocks(between: str) -> None:
    """Refuse text between the blocks of PEM but comments: a torn key, or a shared secret."""
    lines = (line.strip() for line in between.splitlines())
    if any(line and not line.startswith("#") for line in lines):
        raise _FormatError("expected whole blocks of PEM and nothing else but comments (#)")


def _secret(secret: bytes, kid: str | None = None) -> Key:
    if len(secret) < MIN_SECRET:
        raise _FormatError(f"expected a secret of at least {MIN_SECRET} bytes, found {len(secret)}")
    return Key("HS256", secret, hashlib.sha256(secret).hexdigest(), kid)


_PEM_LOADERS: dict[str, Callable[[bytes], Any]] = {
    "PUBLIC KEY": load_pem_public_key,
    "RSA PUBLIC KEY": load_pem_public_key,
    "CERTIFICATE": lambda data: x509.load_pem_x509_certificate(data).public_key(),
}


def _parse_pem(block: str, label: str) -> Key:
    if label not in _PEM_LOADERS:
        raise _FormatError(f"expected PUBLIC KEY, found {label}")
    key = _PEM_LOADERS[label](block.encode())
    return Key(_algorithm(key), key, hashlib.sha256(block.encode()).hexdigest())


def _algorithm(key: object) -> str:
    """The algorithm that a public key allows."""
    match key:
        case rsa.RSAPublicKey() if key.key_size >= MIN_RSA:
            return "RS256"
        case ec.EllipticCurvePublicKey() if isinstance(key.curve, ec.SECP256R1):
            return "ES256"
        case ed25519.Ed25519PublicKey():
            return "EdDSA"
    raise _FormatError(
        f"expected a key of RSA with at least {MIN_RSA} bits, of the curve P-256, or of Ed25519"
    )


class _KeySet(msgspec.Struct):
    keys: list[dict[str, Any]]


def _parse_jwk(fields: dict[str, Any]) -> Key:
    jwk = jwt.PyJWK(fields)
    is_secret = isinstance(jwk.key, bytes)
    if "d" in fields:
        raise _FormatError("expected public keys in the set, found a private key")
    algorithm = "HS256" if is_secret else _algorithm(jwk.key)
    if fields.get("alg", algorithm) != algorithm:
        raise _FormatError(f"expected the algorithm {algorithm}, found another one in the set")
    if is_secret:
        return _secret(jwk.key, jwk.key_id)
    canonical = msgspec.json.encode(fields, order="sorted")
    return Key(algorithm, jwk.key, hashlib.sha256(canonical).hexdigest(), jwk.key_id)
