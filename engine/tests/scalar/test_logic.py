"""AND, OR, NOT and their tests, for all combinations of values, constant and not."""

from __future__ import annotations

from itertools import product

import pytest

from engine.scalar import compile_batch, compile_rows
from engine.tests.scalar.evaluate import scalar, value
from engine.types import BOOL

TRUTH = (True, False, None)
COLUMNS = {"p": BOOL, "q": BOOL, "r": BOOL}


def both(*values: bool | None) -> bool | None:
    return False if False in values else None if None in values else True


def either(*values: bool | None) -> bool | None:
    return True if True in values else None if None in values else False


def literal(truth: bool | None) -> str:
    return "NULL" if truth is None else str(truth).upper()


@pytest.mark.parametrize(("symbol", "model"), [("AND", both), ("OR", either)])
@pytest.mark.parametrize("row", list(product(TRUTH, repeat=3)))
def test_connectors(symbol: str, model: object, row: tuple[bool | None, ...]) -> None:
    assert callable(model)
    expected = model(*row)
    assert value(f"p {symbol} q {symbol} r", COLUMNS, row) is expected
    # Operands that cannot be NULL, and such as can fail, take other paths.
    for index, name in enumerate(COLUMNS):
        operands = list(COLUMNS)
        operands[index] = literal(row[index])
        assert value(f" {symbol} ".join(operands), COLUMNS, row) is expected, name
        operands[index] = f"{name} IS NOT DISTINCT FROM TRUE"
        changed = list(row)
        changed[index] = row[index] is True
        assert value(f" {symbol} ".join(operands), COLUMNS, row) is model(*changed)
        operands[index] = f"({name}::text)::boolean"
        assert value(f" {symbol} ".join(operands), COLUMNS, row) is expected
    not_p = None if row[0] is None else not row[0]
    assert value("NOT p", COLUMNS, row) is not_p


@pytest.mark.parametrize("condition", ["p AND q", "p OR q", "NOT p", "p IS NULL", "NULL", "TRUE"])
def test_a_filter_lets_only_true_pass(condition: str) -> None:
    rows = list(product(TRUTH, repeat=3))
    compiled = scalar(condition, COLUMNS)
    truth = compile_rows([compiled])
    passes = compile_rows([scalar("p", COLUMNS)], compiled)
    batch = compile_batch([scalar(name, COLUMNS) for name in COLUMNS], compiled)
    expected = [row for row in rows if truth(row) == (True,)]
    assert [row for row in rows if passes(row) is not None] == expected
    assert batch(dict.fromkeys(rows, 2)) == (dict.fromkeys(expected, 2), {})
