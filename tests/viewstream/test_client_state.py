"""The Python client core against the vectors that the JavaScript core runs too."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from viewstream.checksum import MODULUS, checksum, row_hash
from viewstream.client.change import Change
from viewstream.client.state import WRONG_CHECKSUM, RefusalError, ViewState, receive
from viewstream.protocol import Base, Column, Delta, Row, decode

VECTORS = Path(__file__).parents[1] / "vectors"
CASES = json.loads((VECTORS / "client.json").read_text())
CHECKSUMS = json.loads((VECTORS / "checksum.json").read_text())


def described(change: Change | None) -> dict[str, Any] | None:
    if change is None:
        return None
    rows = sorted(([weight, list(row)] for row, weight in change.rows.items()), key=json.dumps)
    return {"epoch": change.epoch, "lower": change.lower, "upper": change.upper, "rows": rows}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_vectors(case: dict[str, Any]) -> None:
    options = {"max_buffered": case["max_buffered"]} if "max_buffered" in case else {}
    state = ViewState("v", **options)
    for step in case["steps"]:
        if step.get("disconnected"):
            state.disconnect()
        elif "refused" in step:
            with pytest.raises(RefusalError) as refusal:
                receive(state, decode(json.dumps(step["receive"])))
            assert refusal.value.code == step["refused"]
        else:
            change = described(receive(state, decode(json.dumps(step["receive"]))))
            expected = step["change"]
            if expected is not None:
                expected = {**expected, "rows": sorted(expected["rows"], key=json.dumps)}
            assert change == expected
        if "rows" in step:
            shown = sorted(map(list, state.list_rows()), key=json.dumps)
            assert shown == sorted(step["rows"], key=json.dumps)
        if "columns" in step:
            assert [column.name for column in state.columns] == step["columns"]
        if "resume" in step:
            assert state.resume == step["resume"]
        if "unverified" in step:
            assert state.is_unverified == step["unverified"]
        if "status" in step:
            status = state.status and [state.status.state, state.status.reason]
            assert status == step["status"]


@pytest.mark.parametrize("vector", CHECKSUMS["rows"], ids=lambda vector: vector["why"])
def test_row_hash(vector: dict[str, Any]) -> None:
    assert row_hash(tuple(vector["row"])) == vector["hash"]


@pytest.mark.parametrize("vector", CHECKSUMS["multisets"], ids=lambda vector: vector["why"])
def test_checksum(vector: dict[str, Any]) -> None:
    assert checksum((n, tuple(row)) for n, row in vector["weighted"]) == vector["checksum"]


def test_a_refused_message_leaves_the_rows_untouched() -> None:
    state = ViewState("v")
    base = {"type": "base", "view": "v", "epoch": "1-u1", "upper": 5, "columns": [], "rows": []}
    receive(state, msgspec.convert({**base, "rows": [[], []]}, Base))
    before = dict(state.rows)
    delta = Delta("v", "1-u1", 5, 9, [(6, -2, ()), (6, 1, ("x",))])
    with pytest.raises(RefusalError, match="expected rows of 0 values"):
        receive(state, delta)
    assert state.rows == before


def base_of(*rows: str, upper: int = 5, checksum: int | None = None) -> Base:
    return Base("v", "1-u1", upper, [Column("a", "text")], [(row,) for row in rows], checksum)


def delta_of(lower: int, upper: int, *updates: Any, **more: Any) -> Delta:
    return Delta("v", "1-u1", lower, upper, updates, **more)


def test_a_folded_delta_that_is_known_already_is_ignored() -> None:
    state = ViewState("v")
    receive(state, base_of("x", upper=9))
    assert receive(state, delta_of(3, 9, (8, 1, ("y",)), folded=True, checksum=1)) is None
    assert list(state.list_rows()) == [("x",)]


def test_a_client_that_forgets_its_position_drops_waiting_deltas() -> None:
    state = ViewState("v")
    receive(state, delta_of(5, 9, (6, 1, ("y",))))
    state.forget()
    receive(state, base_of("x"))
    assert (state.resume, list(state.list_rows())) == ("v@1-u1:5", [("x",)])


def test_the_reason_of_a_refusal_is_its_text() -> None:
    state = ViewState("v")
    receive(state, base_of("x"))
    with pytest.raises(RefusalError, match=r"^a delta begins at 6, the frontier is 5$"):
        receive(state, delta_of(6, 7))


def test_a_checksum_hashes_only_the_rows_of_the_change(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = 0

    def counting(weighted: Iterable[tuple[int, Row]]) -> int:
        nonlocal hashed
        listed = list(weighted)
        hashed += len(listed)
        return checksum(listed)

    monkeypatch.setattr("viewstream.client.state.checksum", counting)
    rows = [f"{number}" for number in range(1000)]
    total = checksum((1, (row,)) for row in rows)
    state = ViewState("v")
    receive(state, base_of(*rows, checksum=total))
    assert hashed == 1000
    for time in range(5, 105):
        total = (total + row_hash((f"new {time}",))) % MODULUS
        with_checksum = {"checksum": total} if time % 10 == 0 else {}
        receive(state, delta_of(time, time + 1, (time, 1, (f"new {time}",)), **with_checksum))
    assert hashed == 1100
    assert not state.is_unverified


def test_a_view_without_checksums_is_never_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(weighted: Iterable[tuple[int, Row]]) -> int:
        raise AssertionError("a checksum that nobody asked for")

    monkeypatch.setattr("viewstream.client.state.checksum", forbidden)
    state = ViewState("v")
    receive(state, base_of("x"))
    receive(state, delta_of(5, 6, (5, 1, ("y",))))
    assert state.resume == "v@1-u1:6"


def test_a_delta_that_fits_ends_a_row_of_failures() -> None:
    state = ViewState("v")

    def fails() -> bool:
        try:
            receive(state, base_of("x", checksum=1))
        except RefusalError:
            return True
        return False

    assert [fails(), fails()] == [True, True]
    receive(state, base_of("x"))
    receive(state, delta_of(5, 6, checksum=checksum([(1, ("x",))])))
    state.forget()
    assert [fails(), fails(), fails()] == [True, True, False]
    assert state.is_unverified


def test_rows_of_a_replaced_view_are_deleted_under_their_own_columns() -> None:
    state = ViewState("v")
    first = receive(state, base_of("x"))
    assert first is not None
    assert (first.inserted, first.deleted) == ([{"a": "x"}], [])
    second = receive(state, Base("v", "1-u2", 3, [Column("n", "int8")], [("7",)]))
    assert second is not None
    assert (second.inserted, second.deleted) == ([{"n": 7}], [{"a": "x"}])


@pytest.mark.parametrize(("weight", "diff"), [(0, -1), (1, -2), (2, -3)])
def test_more_rows_deleted_than_there_are_is_a_wrong_checksum(weight: int, diff: int) -> None:
    state = ViewState("v")
    receive(state, base_of(*["x"] * weight))
    with pytest.raises(RefusalError, match="a row was deleted that was not there") as refusal:
        receive(state, delta_of(5, 6, (5, diff, ("x",))))
    assert refusal.value.code == WRONG_CHECKSUM


def test_a_waiting_delta_counts_with_its_updates() -> None:
    state = ViewState("v", max_buffered=6)
    other = Delta("v", "1-u2", 5, 6, [(5, 1, ("y",))])  # counts 2, and goes on waiting
    receive(state, other)
    receive(state, delta_of(5, 6, (5, 1, ("y",))))
    receive(state, base_of("x"))  # takes the second one: 2 are left of 6
    receive(state, Delta("v", "1-u2", 6, 7, [(6, 1, ("y",)), (6, 1, ("z",))]))
    receive(state, Delta("v", "1-u2", 7, 7, []))
    with pytest.raises(RefusalError, match="before 6 updates"):
        receive(state, Delta("v", "1-u2", 7, 7, []))


def test_a_view_that_changes_more_often_than_it_has_rows_is_hashed_when_a_checksum_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = ViewState("v")
    receive(state, base_of("0", checksum=checksum([(1, ("0",))])))
    hashed: list[Row] = []

    def count(weighted: Iterable[tuple[int, Row]]) -> int:
        pairs = list(weighted)
        hashed.extend(row for _, row in pairs)
        return checksum(pairs)

    monkeypatch.setattr("viewstream.client.state.checksum", count)
    for done in range(50):
        updates = [(5 + done, -1, (str(done),)), (5 + done, 1, (str(done + 1),))]
        receive(state, Delta("v", "1-u1", 5 + done, 6 + done, updates))
    assert len(hashed) == 2, "all that was hashed before it was cheaper to wait"
