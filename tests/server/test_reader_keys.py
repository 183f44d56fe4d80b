"""Tokens of readers: each way in which one can be wrong is refused with a sentence of its own."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import tempfile
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from server.access.grant import ALL, Grant
from server.access.reader_keys import ReaderKeyError, ReaderKeys
from server.access.refusal import Refusal
from tests.support.reader_tokens import PRIVATE_KEYS, SECRET, make_token, public_pem

NOW = 1_700_000_000.0
LATER = NOW + 60
OTHER_SECRET = SECRET[::-1]


def keys_of(folder: Path, text: str, audience: str | None = None) -> ReaderKeys:
    file = folder / "reader.keys"
    file.write_text(text)
    return ReaderKeys(file, audience)


def token(**claims: Any) -> str:
    return make_token(**{"exp": LATER, **claims})


def granted(found: Grant | Refusal) -> Grant:
    assert isinstance(found, Grant), found
    return found


def sentence(found: Grant | Refusal) -> str:
    assert isinstance(found, Refusal), found
    assert found.status == 401
    return found.sentence


@pytest.mark.parametrize("algorithm", PRIVATE_KEYS)
def test_a_public_key_checks_the_tokens_of_its_private_key(tmp_path: Path, algorithm: str) -> None:
    private = PRIVATE_KEYS[algorithm]
    keys = keys_of(tmp_path, public_pem(private))
    grant = granted(keys.check(token(key=private, algorithm=algorithm), NOW))
    assert grant.may_read("top10")
    assert not grant.may_read("counter")
    assert grant.expires_at == LATER


def test_the_claims_name_views_and_parts(tmp_path: Path) -> None:
    keys = keys_of(tmp_path, SECRET)
    claims = {"views": ["top10"], "parts": {"orders": "42", "top10": "1", "sums": ["a", None]}}
    grant = granted(keys.check(token(**claims), NOW))
    for name, may_read in [
        ("orders[tenant=42]", True),
        ("orders[tenant='42']", True),
        ("orders[tenant=43]", False),
        ("orders[tenant is null]", False),
        ("orders", False),  # the whole view needs a claim of its own
        ("top10[user=2]", True),  # the whole view has every part
        ("sums[of is null]", True),
        ("sums[of=b]", False),
        ("other[tenant=42]", False),
        ("orders[tenant=42", False),
    ]:
        assert grant.may_read(name) is may_read, name


def test_a_star_grants_every_view_and_no_claim_grants_none(tmp_path: Path) -> None:
    keys = keys_of(tmp_path, SECRET)
    assert granted(keys.check(token(views="*"), NOW)).covers_all
    assert not granted(keys.check(token(views=["*"]), NOW)).may_read("top10")
    assert not granted(keys.check(token(views=None), NOW)).may_read("top10")
    assert ALL.may_read("top10")


def test_two_keys_at_once_let_the_login_server_change_its_key(tmp_path: Path) -> None:
    first, second = PRIVATE_KEYS["ES256"], ec.generate_private_key(ec.SECP256R1())
    keys = keys_of(
        tmp_path, public_pem(first) + public_pem(second) + public_pem(PRIVATE_KEYS["RS256"])
    )
    for private in (first, second):
        assert granted(keys.check(token(key=private, algorithm="ES256"), NOW))
    known = [key.fingerprint for key in keys.keys]
    (tmp_path / "reader.keys").write_text(public_pem(second))
    keys.reload()
    assert [keys.is_known(fingerprint) for fingerprint in known] == [False, True, False]
    assert "signature" in sentence(keys.check(token(key=first, algorithm="ES256"), NOW))


def test_a_key_set_is_read_and_a_key_id_chooses_the_key(tmp_path: Path) -> None:
    sets = [
        {**json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(key.public_key())), "kid": kid}
        for kid, key in [
            ("a", PRIVATE_KEYS["ES256"]),
            ("b", ec.generate_private_key(ec.SECP256R1())),
        ]
    ]
    keys = keys_of(tmp_path, json.dumps({"keys": sets}))
    signed = {"key": PRIVATE_KEYS["ES256"], "algorithm": "ES256"}
    assert granted(keys.check(token(**signed, headers={"kid": "a"}), NOW))
    assert granted(keys.check(token(**signed), NOW)), "a token without a key id is tried with each"
    assert "signature" in sentence(keys.check(token(**signed, headers={"kid": "b"}), NOW))


def test_comments_between_keys_and_keys_for_encryption_are_passed_over(tmp_path: Path) -> None:
    pem = public_pem(PRIVATE_KEYS["ES256"])
    keys = keys_of(tmp_path, f"# of the old login server\n{pem}\n# of the new one\n{pem}")
    assert [key.algorithm for key in keys.keys] == ["ES256", "ES256"]
    encrypts = {"kty": "RSA", "use": "enc", "alg": "RSA-OAEP", "n": "AQ", "e": "AQAB"}
    keys = keys_of(tmp_path, json.dumps({"keys": [encrypts, SECRET_JWK | {"use": "sig"}]}))
    assert granted(keys.check(token(), NOW))


REFUSED: dict[str, tuple[str, str]] = {
    "wrong signature": (token(key=OTHER_SECRET), "the token's signature is wrong"),
    "expired": (token(exp=NOW - 1), "the token has expired"),
    "expires now": (token(exp=NOW), "the token has expired"),
    "not yet valid": (token(nbf=NOW + 5), "the token is not valid yet"),
    "algorithm none": (
        jwt.encode({"exp": LATER, "views": "*"}, None, "none"),
        "expected a token signed by HS256, found 'none'",
    ),
    "another hash": (
        token(key=SECRET * 2, algorithm="HS512"),
        "expected a token signed by HS256, found 'HS512'",
    ),
    "another kind": (
        token(key=PRIVATE_KEYS["RS256"], algorithm="RS256"),
        "expected a token signed by HS256, found 'RS256'",
    ),
    "missing exp": (token(exp=None), "expected the claim exp"),
    "exp of a text": (token(exp="2099"), "the token's claims are wrong"),
    "exp beyond all years": (token(exp=1e300), "expected the claim exp"),
    "views of one text": (token(views="top10"), "the claim views must be a list"),
    "parts of a list": (token(parts=["orders"]), "the token's claims are wrong"),
    "for an audience": (token(aud="views"), "the token is for an audience: see --reader-audience"),
    "no token": ("x", "expected a JSON Web Token"),
    "empty": ("", "expected a JSON Web Token"),
    "no payload": (token().rpartition(".")[0], "expected a JSON Web Token"),
    "too long": (token(views=["v" * 9000]), "expected a JSON Web Token"),
    "a critical extension": (token(headers={"crit": ["x"], "x": 1}), "expected a JSON Web Token"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_token_is_refused(tmp_path: Path, name: str) -> None:
    given_token, expected = REFUSED[name]
    found = sentence(keys_of(tmp_path, SECRET).check(given_token, NOW))
    assert found[: len(expected)] == expected


def test_a_public_key_is_no_shared_secret(tmp_path: Path) -> None:
    """The oldest forgery: HS256 with the text of the public key, which everybody has."""
    pem = public_pem(PRIVATE_KEYS["RS256"])
    keys = keys_of(tmp_path, pem)
    for secret in (pem, pem.strip()):
        parts = token().split(".")[:2]
        mac = hmac.digest(secret.encode(), ".".join(parts).encode(), hashlib.sha256)
        forged = ".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=").decode()])
        found = sentence(keys.check(forged, NOW))
        assert found == "expected a token signed by RS256, found 'HS256'"


def test_the_audience_must_be_the_one_of_the_option(tmp_path: Path) -> None:
    keys = keys_of(tmp_path, SECRET, "views")
    for aud in ("views", ["other", "views"]):
        assert granted(keys.check(token(aud=aud), NOW))
    for aud in ("other", ["other"], [], None):
        assert sentence(keys.check(token(aud=aud), NOW)) == "the token is for another audience"


SECRET_JWK = {"kty": "oct", "k": base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("=")}
PRIVATE_PEM = PRIVATE_KEYS["ES256"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
BAD_FILES = {
    "empty": ("", "there is none"),
    "short secret": ("s3cret-of-18-bytes", "expected a secret of at least 32 bytes, found 18"),
    "one short secret": (f"{SECRET}\ns3cret", "expected a secret of at least 32 bytes, found 6"),
    "private key": (PRIVATE_PEM.decode(), "expected PUBLIC KEY, found PRIVATE KEY"),
    "small RSA": (public_pem(rsa.generate_private_key(65537, 1024)), "at least 2048 bits"),
    "other curve": (public_pem(ec.generate_private_key(ec.SECP384R1())), "of the curve P-256"),
    "torn PEM": ("-----BEGIN PUBLIC KEY-----\ns3cret\n-----END PUBLIC KEY-----", "be parsed"),
    "half a PEM": ("-----BEGIN PUBLIC KEY-----\nAAAA", "expected whole blocks of PEM"),
    "a PEM and half of one": (
        public_pem(PRIVATE_KEYS["ES256"]) + public_pem(PRIVATE_KEYS["EdDSA"])[:60],
        "expected whole blocks of PEM",
    ),
    "a PEM and a secret": (public_pem(PRIVATE_KEYS["ES256"]) + SECRET, "expected whole blocks"),
    "a secret and a PEM": (f"{SECRET}\n{public_pem(PRIVATE_KEYS['ES256'])}", "expected whole"),
    "a secret of another hash": (json.dumps({"keys": [SECRET_JWK | {"alg": "HS512"}]}), "HS256"),
    "a set for encryption": (json.dumps({"keys": [SECRET_JWK | {"use": "enc"}]}), "there is none"),
    "no key set": ('{"s3cret": 1}', "it cannot be parsed"),
    "unknown kind": ('{"keys": [{"kty": "s3cret"}]}', "it cannot be parsed"),
    "private set": (
        json.dumps(
            {"keys": [json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(PRIVATE_KEYS["ES256"]))]}
        ),
        "expected public keys in the set, found a private key",
    ),
}


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_without_usable_keys_is_refused_and_not_repeated(tmp_path: Path, name: str) -> None:
    text, reason = BAD_FILES[name]
    with pytest.raises(ReaderKeyError) as failure:
        keys_of(tmp_path, text)
    assert f"reader keys in {tmp_path / 'reader.keys'}: " in str(failure.value)
    assert reason in str(failure.value)
    assert "s3cret" not in str(failure.value)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReaderKeyError, match=r"cannot read the reader keys in .*no\.keys: No such"):
        ReaderKeys(tmp_path / "no.keys")


def test_a_reload_that_fails_keeps_the_keys(tmp_path: Path) -> None:
    keys = keys_of(tmp_path, SECRET)
    (tmp_path / "reader.keys").write_text("short")
    with pytest.raises(ReaderKeyError):
        keys.reload()
    assert granted(keys.check(token(), NOW))


@functools.cache
def shared_keys() -> ReaderKeys:
    with tempfile.TemporaryDirectory() as folder:
        return keys_of(Path(folder), SECRET)


def nested(text: str, depth: int) -> str:
    return base64.urlsafe_b64encode(("[" * depth).join([text, ""]).encode()).decode()


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(st.binary(max_size=40), max_size=4).map(
            lambda parts: ".".join(base64.urlsafe_b64encode(part).decode() for part in parts)
        ),
    )
)
def test_no_text_is_a_token_and_none_raises(text: str) -> None:
    sentence(shared_keys().check(text, NOW))


@pytest.mark.parametrize("header", ['{"alg":"HS256","x":', '{"alg":"HS256","kid":', ""])
def test_deep_nesting_is_refused(header: str) -> None:
    sentence(shared_keys().check(f"{nested(header, 5000)}.e30.AAAA", NOW))
    payload = nested('{"exp":1e10,"x":', 3000).rstrip("=")
    signed = f"{token().split('.')[0]}.{payload}"
    mac = hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256)
    forged = f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    assert "claims are wrong" in sentence(shared_keys().check(forged, NOW))
