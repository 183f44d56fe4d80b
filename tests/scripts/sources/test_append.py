"""The file that is being tailed: a cut at any byte is repaired, and nothing is ever taken back."""

import errno
import json
import os
import re
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.sources.append import Appender, BusyError, FullError, missing_bytes

LIMIT = 10**9
PATTERN = re.compile(rb"^data: (?P<data>\{.*\})$")
"""The pattern of `sql/10_wikimedia.sql`; `test_command` holds the two together."""

# Characters of 1, 2, 3 and 4 bytes, each least and greatest of its width and around the gaps.
CHARACTERS = "a\x7f\x80é\u07ff\u0800苔\ud7ff\ue000\uffff\U00010000🎉\U000fffff\U0010ffff"
EVENTS = [
    json.dumps({"user": CHARACTERS, "n": [1, {"x": "}"}]}, ensure_ascii=False).encode(),
    b'{"a":1}',
]


def rows(path: Path) -> list[bytes]:
    """Return the rows of the file's whole lines; fails if they are not UTF-8."""
    whole = path.read_bytes()
    assert whole.endswith(b"\n") or not whole
    whole.decode()
    return [match["data"] for line in whole.split(b"\n") if (match := PATTERN.match(line))]


def whole_file(path: Path) -> bytes:
    with Appender(path, LIMIT) as appender:
        appender.append(EVENTS)
    return path.read_bytes()


def test_lines_are_appended_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    first = whole_file(path)
    assert whole_file(path) == first * 2
    assert rows(path) == EVENTS * 2


def test_a_file_cut_at_any_byte_is_repaired_and_the_torn_line_is_no_row(tmp_path: Path) -> None:
    whole = whole_file(tmp_path / "whole")
    ends = [position + 1 for position, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole) + 1):
        path = tmp_path / f"cut-{cut}"
        path.write_bytes(whole[:cut])
        with Appender(path, LIMIT) as appender:
            torn = cut != 0 and cut not in ends
            assert appender.repaired is torn, cut
            appender.append([b'{"next":true}'])
        assert path.read_bytes().startswith(whole[:cut]), "what was written stays"
        assert rows(path) == [*EVENTS[: sum(end <= cut for end in ends)], b'{"next":true}'], cut
        assert (b" torn\n" in path.read_bytes()) is torn


@pytest.mark.parametrize("lead", range(0xC2, 0xF5))
def test_a_cut_character_of_every_lead_byte_is_completed(lead: int) -> None:
    width = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    seconds = [
        second
        for second in range(0x80, 0xC0)
        if _is_utf8(bytes([lead, second]) + b"\x80" * (width - 2))
    ]
    starts = [bytes([lead])]
    starts += [bytes([lead, second]) for second in seconds]
    starts += [bytes([lead, second, 0xBF]) for second in seconds]
    for start in starts:
        start = start[:width]
        for before in (b"", b"x", "🎉".encode()):
            completed = before + start + missing_bytes((before + start)[-3:])
            assert len(completed) == len(before) + width
            completed.decode()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("character", CHARACTERS)
def test_a_whole_character_at_the_end_is_left_alone(character: str) -> None:
    assert missing_bytes(("abc" + character).encode()[-3:]) == b""


def test_refused_events_are_counted_by_reason_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    with Appender(path, LIMIT) as appender:
        appender.append([b"{}", b"nonsense", b'{"a":"\xff"}', b"{", b'{"a":2}'])
        assert appender.refused == {"not JSON": 2, "not UTF-8": 1}
        assert appender.written == 2
        assert appender.size == path.stat().st_size
    assert rows(path) == [b"{}", b'{"a":2}']


def test_at_its_limit_the_file_takes_no_more(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    line = len(b'data: {"a":1}\n')
    with Appender(path, 2 * line + 1) as appender:
        with pytest.raises(FullError, match="limit of 29 bytes"):
            appender.append([b'{"a":1}'] * 5)
        assert appender.written == 2
    assert path.stat().st_size == 2 * line
    with Appender(path, 2 * line) as appender, pytest.raises(FullError):
        appender.append([b"{}"])


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    with Appender(path, LIMIT), pytest.raises(BusyError, match="another process is appending"):
        Appender(path, LIMIT)
    Appender(path, LIMIT).close()


@contextmanager
def full_disk_at(size: int) -> Iterator[None]:
    """Let the kernel refuse to make any file longer than `size`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_becomes_full_within_a_line_tears_it_and_the_next_start_repairs(
    tmp_path: Path,
) -> None:
    path = tmp_path / "changes"
    with Appender(path, LIMIT) as appender:
        appender.append([b'{"a":1}'])
        with full_disk_at(20), pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            appender.append([b'{"a":2}'])
    assert path.stat().st_size == 20
    with Appender(path, LIMIT) as appender:
        assert appender.repaired
        appender.append([b'{"a":3}'])
    assert rows(path) == [b'{"a":1}', b'{"a":3}']


def test_a_file_without_a_limit_leaves_room_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "changes"
    with Appender(path) as appender:
        appender.append([b"{}"])
    before = path.read_bytes()
    with (
        Appender(path, min_free=10**18) as appender,
        pytest.raises(FullError, match=r"changes has less than 1,000,000,000,000,000,000 bytes"),
    ):
        appender.append([b"{}"])
    assert path.read_bytes() == before
