"""The Python client core against the vectors that the JavaScript core runs too."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from viewstream.checksum import checksum, row_hash
from viewstream.client.change import Change
from viewstream.client.state import RefusalError, ViewState, receive
from viewstream.protocol import Base, Delta, decode

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
    options = {"max_waiting": case["max_waiting"]} if "max_waiting" in case else {}
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
