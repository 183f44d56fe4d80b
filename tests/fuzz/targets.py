"""The parsers to fuzz. Each target takes any bytes, and fails by an error that it does not expect.

Errors that a parser documents are expected, and what it accepts must survive the way back.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from urllib.parse import parse_qs

import jwt

from scripts.sources.sse import Parser
from server.access.grant import Grant
from server.access.reader_keys import ReaderKeys
from server.access.refusal import Refusal
from server.framing import encode_event_id, parse_event_id
from server.http.subscription import parse_subscription
from server.hub.hub import Hub
from server.hub.limits import Limits
from server.wire.negotiate import negotiate_deflate
from tests.fuzz.fuzzed import Fuzzed
from viewstream.bodies import Bodies
from viewstream.client.state import RefusalError, ViewState, receive
from viewstream.copy_text import UnreadableLineError
from viewstream.names import parse_view
from viewstream.protocol import MAX_DIFF, Base, Column, ProtocolError, decode, decode_delta, encode

SECRET = "0123456789abcdef0123456789abcdef"


def _keys() -> ReaderKeys:
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(SECRET)
        file.flush()
        return ReaderKeys(Path(file.name))


KEYS = _keys()
GRANT = Grant(views=["v"], parts={"orders": ["42", None]})
CLIENT_VECTORS = Path(__file__).parents[1] / "vectors" / "client.json"


def fuzz_post(data: bytes) -> None:
    """A body that the server accepts is one that a client can apply."""
    try:
        delta = decode_delta(data)
    except ProtocolError:
        return
    assert decode(encode(delta)) == delta
    width = len(delta.updates[0][2]) if delta.updates else 1
    columns = [Column(f"c{number}", "text") for number in range(width)]
    client = ViewState(delta.view)
    receive(client, Base(delta.view, delta.epoch, delta.lower, columns, []))
    try:
        receive(client, delta)
    except RefusalError as error:
        # Only a row that is not there may be refused; the base may be another one.
        assert "that was not there" in error.reason, error.reason


def fuzz_message(data: bytes) -> None:
    """A client applies messages, or refuses them with a reason; a byte 0 is between them."""
    client = ViewState("v")
    for text in data.split(b"\0"):
        try:
            message = decode(text)
        except ProtocolError:
            continue
        try:
            receive(client, message)
        except RefusalError as error:
            assert error.reason
            assert client.position is None


def fuzz_copy_text(data: bytes) -> None:
    """Text cut anywhere gives the same bodies as text in one piece, and valid ones."""
    middle = len(data) // 2
    assert _bodies([data]) == _bodies([data[:middle], data[middle:]])


def _bodies(pieces: list[bytes]) -> list[bytes]:
    bodies, taken = Bodies("v", limit=4096), []
    try:
        for piece in pieces:
            bodies.feed(piece)
    except UnreadableLineError:
        return []
    if bodies.is_begun:
        taken.append(bodies.take(4096))
        while bodies.has_news:
            taken.append(bodies.take(4096))
    for body in taken:
        # A diff beyond what clients can count is passed on, and the server refuses it.
        if all(abs(diff) <= MAX_DIFF for _, diff, _ in json.loads(body)["updates"]):
            decode_delta(body)
    return taken


HUB = Hub(["v", "orders", "a@b"], Limits(), lambda: None, lambda view: None, {"orders": "tenant"})


def fuzz_query(data: bytes) -> None:
    """A query and a Last-Event-ID, separated by a byte 0, make a subscription or a refusal."""
    query, _, event_id = data.decode("utf-8", "replace").partition("\0")
    arguments = parse_qs(query).get("view", [])
    found = parse_subscription(arguments, HUB, GRANT, event_id)
    if isinstance(found, Refusal):
        assert 400 <= found.status < 600
        assert found.sentence


def fuzz_name(data: bytes) -> None:
    """A name of a view or a part has one spelling, which is parsed to the same."""
    try:
        name = parse_view(data.decode("utf-8", "replace"))
    except ProtocolError:
        return
    assert parse_view(str(name)) == name


def fuzz_token(data: bytes) -> None:
    """A token is refused with a sentence, and granted only if its signature is right."""
    found = KEYS.check(data.decode("latin-1"), at=1000)
    assert isinstance(found, Refusal)
    assert found.status == 401


def fuzz_claims(data: bytes) -> None:
    """Claims that are signed are granted until they expire, or refused with a sentence."""
    token = jwt.PyJWS().encode(data, SECRET, "HS256")
    found = KEYS.check(token, at=1000)
    if isinstance(found, Refusal):
        assert found.sentence
        return
    assert found.expires_at is not None
    assert found.expires_at > 1000
    found.may_read("orders[tenant=42]")


def fuzz_event_id(data: bytes) -> None:
    """Positions that were parsed are encoded so that they are parsed to the same."""
    try:
        positions = parse_event_id(data.decode("latin-1"))
    except ProtocolError:
        return
    assert parse_event_id(encode_event_id(positions.items()).decode()) == positions


def fuzz_offer(data: bytes) -> None:
    """An answer to an offer of deflate has only parameters that RFC 7692 knows."""
    answer = negotiate_deflate(data.decode("latin-1"))
    if answer is not None:
        extension, *parameters = answer.split("; ")
        assert extension == "permessage-deflate"
        assert set(parameters) <= {
            "client_no_context_takeover",
            "server_no_context_takeover",
            "server_max_window_bits=15",
        }


def fuzz_source_events(data: bytes) -> None:
    """Wikimedia's stream cut anywhere gives the same events as in one piece."""
    whole, cut = Parser(limit=256), Parser(limit=256)
    events = list(whole.feed(data))
    middle = len(data) // 2
    assert events == [*cut.feed(data[:middle]), *cut.feed(data[middle:])]


_BODY = {
    "type": "delta",
    "view": "v",
    "epoch": "1606000000000-u7",
    "lower": 5,
    "upper": 9,
    "updates": [[5, 1, ["a", None]], [7, -2, ["b", "2"]]],
}
_TEXT = (
    b"# epoch 1606000000000-u7\n1606000000001\tt\t\\N\t\\N\n"
    b"1606000000500\tf\t-1\tAl\\\\ice\t12\n1606000000500\tf\t1\t\\N\tx\n1606000001001\tt\t\\N\t\\N\n"
)


def _client_seeds() -> list[bytes]:
    """Return the messages of each case of the clients' vectors."""
    cases = json.loads(CLIENT_VECTORS.read_text())
    return [
        b"\0".join(
            json.dumps(step["receive"]).encode() for step in case["steps"] if "receive" in step
        )
        for case in cases
    ]


TARGETS: dict[str, Fuzzed] = {
    "post": Fuzzed(fuzz_post, [json.dumps(_BODY).encode(), encode(decode(json.dumps(_BODY)))]),
    "message": Fuzzed(fuzz_message, _client_seeds()),
    "copy-text": Fuzzed(fuzz_copy_text, [_TEXT]),
    "query": Fuzzed(
        fuzz_query,
        [b"view=v@1606000000000-u7:15&view=orders", b"view=a%40b\0v@1-u1:5 a%40b@1-u1:7"],
    ),
    "name": Fuzzed(
        fuzz_name, [b"a.top10", b"orders[tenant='New York']", b'o["a ""b"=42]', b"o[t is null]"]
    ),
    "token": Fuzzed(fuzz_token, [jwt.encode({"exp": 2000}, SECRET[::-1]).encode()]),
    "claims": Fuzzed(
        fuzz_claims,
        [
            b'{"exp":2000,"nbf":900,"views":["v","*"],"parts":{"orders":["42",null]}}',
            b'{"exp":2000,"views":"*","aud":["a"]}',
        ],
    ),
    "event-id": Fuzzed(fuzz_event_id, [b"v@1606000000000-u7:15 a%40b@1-u1:7"]),
    "offer": Fuzzed(
        fuzz_offer,
        [b"permessage-deflate; client_max_window_bits=10; server_max_window_bits=15, x-a;b=c"],
    ),
    "source-events": Fuzzed(
        fuzz_source_events, [b"retry: 5\n\nevent: message\nid: [1]\ndata: {}\ndata: 2\r\n\r\n"]
    ),
}
