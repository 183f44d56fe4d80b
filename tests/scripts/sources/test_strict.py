"""Only what the strictest JSON parser takes is written; each reason has its cases."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.sources.strict import MAX_DEPTH, MAX_EVENT, RefusedError, line_of


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


@pytest.mark.parametrize(
    "event",
    [
        b"{}",
        b'{"a":"\\ud83d\\ude00"}',
        '{"a":"\u2028 \x7f \x85 苔 🎉"}'.encode(),
        b'{"a":"\\\\u0000"}',
        b'{"a":1.7976931348623157e308,"b":-1e-400,"c":123456789012345678901234567890}',
        b'{"a":%d}' % int(1.7976931348623157e308),
        b'{"a":[null,true,false,{"b":[]}]}',
        nested(MAX_DEPTH),
        b'{"a":"' + b"[" * 500 + b'"}',
    ],
)
def test_an_event_is_written_byte_for_byte(event: bytes) -> None:
    assert line_of(event) == b"data: " + event + b"\n"


@pytest.mark.parametrize(
    ("reason", "event"),
    [
        ("not UTF-8", b'{"a":"\xff"}'),
        ("not UTF-8", b'{"a":"\xc0\x80"}'),
        ("not UTF-8", b'{"a":"\xed\xa0\x80"}'),
        ("not UTF-8", b'{"\xf4\x90\x80\x80":1}'),
        ("not UTF-8", b'{"a":"\xe8\x8b'),
        ("not JSON", b""),
        ("not JSON", b'{"a":1'),
        ("not JSON", b'{"a":1}}'),
        ("not JSON", b'{"a":1} {"a":2}'),
        ("not JSON", b'{"a":NaN}'),
        ("not JSON", b'{"a":-Infinity}'),
        ("not JSON", b'{"a":Infinity}'),
        ("not JSON", b'{"a":01}'),
        ("not JSON", b'{"a":1.}'),
        ("not JSON", b"{'a':1}"),
        ("not JSON", b'{"a":1,}'),
        ("not JSON", b'{"a":"\n"}'),
        ("not JSON", b'{"a":"\x00"}'),
        ("not JSON", b'{"a":"\\x"}'),
        ("not JSON", b'{"a":"\\ud800"}'),
        ("not JSON", b'{"a":"\\ud800 and more"}'),
        ("not JSON", b'{"a":"\\udc00\\ud800"}'),
        ("not JSON", b'{"\\udfff":1}'),
        ("not JSON", b'\xef\xbb\xbf{"a":1}'),
        ("not a JSON object", b"[]"),
        ("not a JSON object", b'"text"'),
        ("not a JSON object", b"1"),
        ("a NUL character", b'{"a":"b\\u0000"}'),
        ("a NUL character", b'{"a":[{"\\u0000":1}]}'),
        ("a NUL character", b'{"a":"\\\\\\u0000"}'),
        ("a number beyond float8", b'{"a":1e309}'),
        ("a number beyond float8", b'{"a":[-1e400]}'),
        ("a number beyond float8", b'{"a":1' + b"0" * 309 + b"}"),
        ("a number beyond float8", b'{"a":-1' + b"0" * 5000 + b"}"),
        (f"nested deeper than {MAX_DEPTH}", nested(MAX_DEPTH + 1)),
        (f"nested deeper than {MAX_DEPTH}", nested(100_000)),
        (f"longer than {MAX_EVENT} bytes", b'{"a":"' + b"x" * MAX_EVENT + b'"}'),
    ],
)
def test_an_event_is_refused_with_its_reason(reason: str, event: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        line_of(event)
    assert str(refused.value) == reason


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b"\r", b" \t\n"])
def test_line_breaks_between_tokens_become_blanks(blank: bytes) -> None:
    line = line_of(blank.join([b"", b"{", b'"a"', b":", b"1", b"}", b""]))
    assert line.count(b"\n") == 1
    assert b"\r" not in line
    assert line.startswith(b"data: {")
    assert line.endswith(b"}\n")
    assert json.loads(line.removeprefix(b"data: ")) == {"a": 1}


def strict_constant(name: str) -> None:
    raise AssertionError(f"the line holds {name}")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: f'{{"a":"{text}"}}'.encode()))
def test_whatever_comes_a_written_line_is_one_object_that_another_parser_reads(
    event: bytes,
) -> None:
    try:
        line = line_of(event)
    except RefusedError:
        return
    text = line.decode()
    assert text.endswith("}\n")
    assert text.count("\n") == 1
    tree = json.loads(text.removeprefix("data: "), parse_constant=strict_constant)
    assert isinstance(tree, dict)
    assert "\0" not in str(tree)
