"""Frames and compression as strict clients see them: our reader, websockets, ws on Node."""

from __future__ import annotations

import contextlib
import os
import subprocess

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from server.framing import Encoding, Message, frame
from server.wire.negotiate import negotiate_deflate
from tests.server.fake_engine import FakeEngine
from tests.server.frames import TEXT, FrameReader
from tests.server.served import Served
from tests.server.test_slow_clients import RawClient
from tests.support.npm import INSTALLS, TOOLS, install, system_node
from tests.support.processes import PATIENCE, wait_until
from viewstream.protocol import Delta

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 70_000]


@pytest.mark.parametrize("size", SIZES)
def test_frames_are_read_whole_byte_by_byte_and_with_trailing_bytes(size: int) -> None:
    payload = b"x" * size
    data = frame(payload)
    whole = FrameReader()
    whole.feed(data + b"\x81")
    assert whole.messages() == [payload]
    slowly = FrameReader()
    found = []
    for n in range(len(data)):
        slowly.feed(data[n : n + 1])
        found += slowly.messages()
    assert found == [payload]


@pytest.mark.parametrize("size", SIZES)
def test_a_message_is_deflated_from_its_threshold_on(size: int) -> None:
    message = Message(b"x" * size, 126)
    deflated = message.encoded(Encoding.DEFLATED_FRAMES)
    assert (deflated is message.plain) == (size < 126)
    assert message.encoded(Encoding.FRAMES) is message.plain
    assert message.encoded(Encoding.DEFLATED_FRAMES) is deflated, "encoded once"
    reader = FrameReader()
    reader.feed(deflated)
    assert reader.messages() == [bytes(message.payload)]


def test_what_does_not_become_smaller_is_sent_as_it_is() -> None:
    message = Message(os.urandom(1000), 1)
    assert message.encoded(Encoding.DEFLATED_FRAMES) is message.plain


ANSWER = "permessage-deflate; client_no_context_takeover; server_no_context_takeover"
ANSWER_15 = f"{ANSWER}; server_max_window_bits=15"
OFFERS = {
    "permessage-deflate": ANSWER,
    "permessage-deflate; client_max_window_bits": ANSWER,
    "permessage-deflate; client_max_window_bits=10": ANSWER,
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover": ANSWER,
    "permessage-deflate; server_max_window_bits=15": ANSWER_15,
    'permessage-deflate; server_max_window_bits="15"': ANSWER_15,
    "permessage-deflate; server_max_window_bits=10": None,
    "permessage-deflate; server_max_window_bits=10, permessage-deflate": ANSWER,
    "permessage-deflate; unknown": None,
    "permessage-deflate; server_no_context_takeover=1": None,
    "permessage-deflate; client_max_window_bits=99": None,
    "permessage-deflate; client_max_window_bits; client_max_window_bits": None,
    "x-webkit-deflate-frame": None,
    "": None,
}


@pytest.mark.parametrize("offer", OFFERS)
def test_only_offers_that_suit_shared_frames_are_taken(offer: str) -> None:
    assert negotiate_deflate(offer) == OFFERS[offer]


def test_deflated_frames_reach_a_strict_client(engine: FakeEngine) -> None:
    engine.rows = [(f"user {n}", str(n)) for n in range(2000)]
    with Served(engine) as served:
        served.post(900, 1001)
        watchers = [
            served.open(),
            served.open(compression=None),
            served.open(
                compression=None,
                extensions=[ClientPerMessageDeflateFactory(server_max_window_bits=9)],
            ),
        ]
        for watcher in watchers:
            assert watcher.base() == engine.base("top10")
        for n in range(3):  # each with a fresh window: none builds on the one before
            updates = [(1001 + n, 1, (f"user {i}", str(i))) for i in range(100)]
            served.post(1001 + n, 1002 + n, *updates)
            for watcher in watchers:
                assert list(watcher.delta().updates) == updates


def test_a_base_is_sent_compressed_and_short_messages_are_not(engine: FakeEngine) -> None:
    engine.rows = [(f"user {n}", str(n)) for n in range(2000)]
    with Served(engine) as served:
        wait_until(lambda: served.health()["base_reads"], "the base, for it to be sent first")
        served.post(900, 1001)
        client = RawClient(served, "/view/stream?view=top10", "permessage-deflate")
        answer = "permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n"
        assert f"Sec-Websocket-Extensions: {answer}" in client.head
        messages = client.messages()
        assert next(messages) == engine.base("top10")
        served.post(1001, 1002)
        assert next(messages).upper == 1002
        compressed = [flag for _, flag in client.reader.frames]
        assert compressed[0]
        assert not compressed[-1]
        client.socket.close()


def test_a_very_large_delta_is_deflated_too_and_what_comes_after_it_waits(
    engine: FakeEngine,
) -> None:
    with Served(engine) as served:
        served.post(900, 1001)
        client = RawClient(served, "/view/stream?view=top10", "permessage-deflate")
        plain = served.open(compression=None)
        messages = client.messages()
        next(messages)
        plain.base()
        before = len(client.reader.frames)
        served.post(1001, 1002, *[(1001, 1, (f"user {n}", "x" * 20)) for n in range(50_000)])
        served.post(1002, 1003, (1002, 1, ("after it", "1")))
        for following in (iter(plain.delta, None), messages):
            first, second = next(following), next(following)
            assert (first.upper, second.upper) == (1002, 1003)
            assert isinstance(first, Delta)
            assert len(first.updates) == 50_000
        deltas = [flag for opcode, flag in client.reader.frames[before:] if opcode == TEXT]
        assert any(deltas), "what is short is plain: statuses, and the second delta"
        client.socket.close()


def test_compression_can_be_switched_off(engine: FakeEngine) -> None:
    with Served(engine, bounds={"hub": {"compress_from": None}}) as served:
        client = RawClient(served, "/view/stream?view=top10", "permessage-deflate")
        assert "Extensions" not in client.head
        client.socket.close()


NODE_CLIENT = """
const { WebSocket } = require(process.argv[1]);
const socket = new WebSocket(process.argv[2], { perMessageDeflate: true });
socket.on('error', (error) => { console.error(error); process.exit(2); });
socket.on('message', (data) => {
  const message = JSON.parse(data.toString());
  console.log(message.type, message.upper ?? message.state, socket.extensions);
  if (message.type === 'delta') socket.close(1000);
});
socket.on('close', (code) => process.exit(code === 1000 ? 0 : 3));
socket.on('open', () => { socket.ping('are you there'); });
socket.on('pong', (data) => { console.log('pong', data.toString()); });
"""


@INSTALLS
def test_ws_on_node_takes_every_frame(engine: FakeEngine) -> None:
    node, ws = system_node(), install(TOOLS) / "ws"
    engine.rows = [(f"user {n}", str(n)) for n in range(30_000)]
    with Served(engine) as served:
        updates = [(1001, 1, (f"user {n}", str(n))) for n in range(500)]
        served.post(900, 1001)
        served.post(1001, 1002, *updates)
        done = subprocess.run(
            [node, "-e", NODE_CLIENT, ws, served.address()],
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "base 1001 permessage-deflate" in done.stdout
    assert "delta 1002 permessage-deflate" in done.stdout
    assert "pong are you there" in done.stdout


def test_fragmented_and_oversized_frames_of_a_client_end_its_connection(served: Served) -> None:
    mask = b"\0\0\0\0"
    cases = {
        "a fragmented message": b"\x01\x81" + mask + b"a" + b"\x80\x81" + mask + b"b",
        "an oversized message": b"\x81\xff" + (1 << 40).to_bytes(8, "big") + mask,
        "a reserved bit": b"\xb1\x80" + mask,
        "a fragmented ping": b"\x09\x80" + mask,
        "a continuation of nothing": b"\x80\x80" + mask,
        "a length beyond reason": b"\x81\xff" + b"\xff" * 8 + mask,
    }
    for name, data in cases.items():
        client = RawClient(served, "/view/stream?view=top10")
        client.socket.sendall(data)
        with contextlib.suppress(ConnectionResetError):  # as abrupt as the client was wrong
            for _ in client.messages():
                pass
        client.socket.close()
        assert served.get("/healthz")["status"], name
    served.open().base()
