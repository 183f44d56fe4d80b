"""Random values of every type, for tests."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from engine import types
from engine.types import Interval, Jsonb, SqlType
from engine.types.numbers import fold
from engine.types.numeric import normalise

_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_int32 = st.integers(-(2**31), 2**31 - 1)
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | _text
    | st.decimals(-1000, 1000, places=3).map(lambda value: Jsonb.parse(str(value)).value),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4),
    max_leaves=10,
)

VALUES: dict[SqlType, st.SearchStrategy[Any]] = {
    types.TEXT: _text,
    types.BOOL: st.booleans(),
    types.INT2: st.integers(-(2**15), 2**15 - 1),
    types.INT4: _int32,
    types.INT8: st.integers(-(2**63), 2**63 - 1),
    types.OID: st.integers(0, 2**32 - 1),
    types.FLOAT4: st.floats(width=32).map(fold),
    types.FLOAT8: st.floats().map(fold),
    types.NUMERIC: (
        st.decimals(allow_infinity=False, places=10, min_value=-(10**28), max_value=10**28)
        | st.decimals(allow_infinity=False, places=0, min_value=-(10**38), max_value=10**38)
        | st.decimals(allow_infinity=False, places=38, min_value=-1, max_value=1)
        | st.sampled_from([Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity")])
    ).map(normalise),
    types.DATE: st.dates(date(1, 1, 1)),
    types.TIME: st.times(),
    types.TIMESTAMP: st.datetimes(),
    types.TIMESTAMPTZ: st.datetimes(),
    types.INTERVAL: st.builds(
        Interval, _int32, _int32, st.integers(-(10**16), 10**16) | st.integers(-(10**7), 10**7)
    ),
    types.JSONB: _json.map(Jsonb),
    types.BYTEA: st.binary(max_size=20),
    types.UUID: st.uuids(),
}
VALUES |= {
    types.array_of(element): st.lists(st.none() | VALUES[element], max_size=4).map(tuple)
    for element in (types.TEXT, types.INT4, types.FLOAT8, types.JSONB, types.TIMESTAMPTZ)
}
