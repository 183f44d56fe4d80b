"""The rules of a posted delta, one by one."""

from __future__ import annotations

import pytest

from viewstream.protocol import (
    MAX_TIME,
    Delta,
    ProtocolError,
    Update,
    check_delta,
    decode_delta,
    encode,
)

EPOCH = "1577927045678-u7"


def delta(lower: int, upper: int, *updates: Update, epoch: str = EPOCH) -> Delta:
    return Delta("v", epoch, lower, upper, list(updates))


@pytest.mark.parametrize(
    "right",
    [
        delta(5, 5),
        delta(0, MAX_TIME),
        delta(MAX_TIME, MAX_TIME),
        delta(5, 7, (5, 1, ("a",)), (5, 1, ("b",)), (6, -2, ("a",))),
        delta(5, 6, (5, 3, ())),
        delta(5, 6, (5, 1, (None,)), (5, 1, ("",))),
        delta(5, 8, (5, 1, ("a",)), (6, -1, ("a",)), (7, 1, ("a",))),
    ],
)
def test_a_right_delta_is_accepted(right: Delta) -> None:
    check_delta(right)
    assert encode(decode_delta(encode(right))) == encode(right)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (delta(5, 7, epoch="u7"), "expected an epoch"),
        (Delta("v", EPOCH, 5, 7, [], folded=True), "keeps times apart, found a folded one"),
        (delta(7, 5), "expected 0 <= lower <= upper <= .*, found 7 and 5"),
        (delta(-1, 5), "expected 0 <= lower"),
        (delta(0, MAX_TIME + 1), "expected 0 <= lower"),
        (delta(5, 7, (4, 1, ("a",))), "from 5 to below 7 in ascending order, found 4 after 5"),
        (delta(5, 7, (7, 1, ("a",))), "from 5 to below 7 in ascending order, found 7 after 5"),
        (delta(5, 7, (6, 1, ("a",)), (5, 1, ("b",))), "found 5 after 6"),
        (delta(5, 5, (5, 1, ("a",))), "from 5 to below 5"),
        (delta(5, 7, (5, 0, ("a",))), r"a diff from 1 to .*, found 0 for the row \['a'\]"),
        (delta(5, 7, (5, 1, ("a",)), (5, 2, ("a",))), "each .time, row. once"),
        (delta(5, 7, (5, 1, ("a",)), (5, 1, ("b",)), (5, -1, ("a",))), "each .time, row. once"),
        (
            delta(5, 9, (5, 1, ("a",)), (6, 1, ("b",)), (6, 1, ("b",)), (7, 1, ("c",))),
            "each .time, row. once",
        ),
        (delta(5, 7, (5, 1, ("a",)), (6, 1, ("a", "b"))), r"rows of one length, found \[1, 2\]"),
    ],
)
def test_a_wrong_delta_is_rejected_with_a_sentence(wrong: Delta, sentence: str) -> None:
    with pytest.raises(ProtocolError, match=sentence):
        check_delta(wrong)
    with pytest.raises(ProtocolError, match=sentence):
        decode_delta(encode(wrong))
