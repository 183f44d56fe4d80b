"""Readers' keys and tokens, as a login server makes them, and tokens that must be refused."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jwt

LIFE = (20.0, 40.0)
"""Bounds, in seconds, of the life of a token: a proof sees some of them renewed."""


class Keyring:
    """The secrets in the file of `--reader-key`, and tokens signed by the current one.

    `life` bounds the seconds that a token is valid.
    """

    def __init__(self, path: Path, chance: random.Random, life: tuple[float, float] = LIFE) -> None:
        self.path = path
        self.signed = 0
        """Valid tokens that were signed so far."""
        self._chance = chance
        self._life = life
        self.secret = self._make_secret()
        self._write([self.secret])

    def _make_secret(self) -> str:
        return self._chance.randbytes(32).hex()

    def _write(self, secrets: Sequence[str]) -> None:
        self.path.write_text("\n".join(secrets) + "\n")

    def publish_next(self) -> str:
        """Add a new secret to the file, beside the current one, and return it."""
        following = self._make_secret()
        self._write([following, self.secret])
        return following

    def adopt(self, secret: str) -> None:
        """Sign by `secret` from now on."""
        self.secret = secret

    def forget_others(self) -> None:
        """Leave only the current secret in the file."""
        self._write([self.secret])

    def sign(self, parts: Mapping[str, Sequence[str]] | None = None) -> str:
        """Return a token for all views, or for these values of the columns that split them."""
        self.signed += 1
        return self._encode() if parts is None else self._encode(views=None, parts=dict(parts))

    def sign_by(self, secret: str) -> str:
        """Return a token for all views that is signed by another secret."""
        return self._encode(secret)

    def _encode(self, secret: str | None = None, **claims: Any) -> str:
        """Sign the usual claims, but for what `claims` say; None leaves one out."""
        end = time.time() + self._chance.uniform(*self._life)
        given = {"exp": end, "views": "*", **claims}
        kept = {name: value for name, value in given.items() if value is not None}
        token: str = jwt.encode(kept, secret or self.secret, "HS256")
        return token

    def bad_tokens(self) -> list[str]:
        """Return tokens that no server may take."""
        now = time.time()
        claims = {"exp": now + 3600, "views": "*"}
        head, _, signature = self._encode(views=None).split(".")
        _, payload, _ = self._encode().split(".")
        return [
            "",
            "x.y.z",
            self._encode()[:-4],
            f"{head}.{payload}.{signature}",
            self._encode(exp=now - self._chance.expovariate(1 / 60)),
            self._encode(exp=None),
            self._encode(nbf=now + 60),
            self._encode(aud="another service"),
            self._encode(self._make_secret()),
            jwt.encode(claims, "", "none"),
            jwt.encode(claims, self.secret.encode() * 2, "HS512"),
        ]


def bearer(token: str) -> str:
    """Return the line of a request's head that sends the token."""
    return f"Authorization: Bearer {token}\r\n"
