"""The types that a query names: `int`, `numeric(10,2)`, `timestamp with time zone`, `text[]`."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation

from sqlglot import exp

from engine.errors import SqlError
from engine.scalar.nodes import Call, Constant, Node
from engine.scalar.registry import Function
from engine.types import (
    BOOL,
    BPCHAR,
    BYTEA,
    DATE,
    FLOAT4,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    INTERVAL,
    JSONB,
    NAME,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    VARCHAR,
    SqlType,
    array_of,
    by_name,
)
from engine.types.base import bounded_int, shorten
from engine.types.numeric import PRECISION

_TYPES: dict[str, SqlType] = {
    "BIGINT": INT8,
    "BOOLEAN": BOOL,
    "BPCHAR": BPCHAR,
    "CHAR": BPCHAR,
    "DATE": DATE,
    "DECIMAL": NUMERIC,
    "DOUBLE": FLOAT8,
    "FLOAT": FLOAT4,
    "INT": INT4,
    "INTERVAL": INTERVAL,
    "JSON": JSONB,
    "JSONB": JSONB,
    "NAME": NAME,
    "SMALLINT": INT2,
    "TEXT": TEXT,
    "TIME": TIME,
    "TIMESTAMP": TIMESTAMP,
    "TIMESTAMPNTZ": TIMESTAMP,
    "TIMESTAMPTZ": TIMESTAMPTZ,
    "UUID": UUID,
    "VARBINARY": BYTEA,
    "VARCHAR": VARCHAR,
}


def type_of(data_type: exp.Expr) -> SqlType:
    """The type that a type name in a query means; raises SqlError 42704 if there is none."""
    if isinstance(data_type, exp.DataType):
        kind = data_type.this
        if isinstance(kind, exp.Interval):
            return INTERVAL
        name = str(getattr(kind, "name", kind)).upper()
        if name == "ARRAY" and data_type.expressions:
            return array_of(type_of(data_type.expressions[0]))
        if name == "DOUBLE" and data_type.expressions:
            (digits,) = modifiers(data_type)
            if not 1 <= digits <= 53:
                raise SqlError(f"precision for type float must be 1 to 53, found {digits}", "22023")
            return FLOAT4 if digits < 25 else FLOAT8
        if name in _TYPES:
            return _TYPES[name]
        if name == "USERDEFINED" and data_type.args.get("kind") is not None:
            kind = data_type.args["kind"]
            last = kind.expression if isinstance(kind, exp.Dot) else kind
            return by_name(getattr(last, "name", None) or str(last))
    return by_name(data_type.sql("postgres"))


def modifiers(data_type: exp.Expr) -> tuple[int, ...]:
    """The numbers in brackets of a type name: (10, 2) of `numeric(10,2)`; raises SqlError 22023."""
    if not isinstance(data_type, exp.DataType) or data_type.args.get("nested"):
        return ()
    found: list[int] = []
    for parameter in data_type.expressions:
        text = parameter.name or parameter.sql("postgres")
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal()):
            raise SqlError(f"expected a number as type modifier, found {shorten(text)}", "22023")
        number = bounded_int(digits, INT4.most)
        found.append(number if digits == text else -number)
    return tuple(found)


_CONTEXT = Context(prec=2 * PRECISION, rounding=ROUND_HALF_UP, traps=[InvalidOperation])


def limit_length(text: str, length: int) -> str:
    return text[:length]


def pad_to_length(text: str, length: int) -> str:
    return text[:length].ljust(length)


def fit_length(text: str, length: int) -> str:
    """Cut a value to `varchar(length)`: surplus blanks go, any other surplus is 22001."""
    if text[length:].strip(" "):
        raise SqlError(f"value too long for type character varying({length})", "22001")
    return text[:length]


def fit_and_pad(text: str, length: int) -> str:
    """Fit a value to `char(length)`: as varchar, padded with blanks to the length."""
    if text[length:].strip(" "):
        raise SqlError(f"value too long for type character({length})", "22001")
    return text[:length].ljust(length)


def limit_digits(value: Decimal, precision: int, scale: int) -> Decimal:
    """Round to `scale` decimals; at most `precision` digits in all may remain (22003)."""
    if not value.is_finite():
        return value
    rounded = value.quantize(Decimal(1).scaleb(-scale), context=_CONTEXT)
    if rounded and rounded.adjusted() >= precision - scale:
        raise SqlError(
            "numeric field overflow",
            "22003",
            detail=f"a field with precision {precision}, scale {scale} must round to an absolute "
            f"value less than 10^{precision - scale}",
        )
    return rounded or Decimal(0)


def limit_fraction(moment: datetime, decimals: int) -> datetime:
    """Round to so many decimals of a second, halves up."""
    step = 10 ** (6 - decimals)
    surplus = moment.microsecond % step
    try:
        return moment + timedelta(microseconds=-surplus if 2 * surplus < step else step - surplus)
    except OverflowError:
        raise SqlError("timestamp out of range", "22008") from None


_LONGEST = 10_485_760
"""Characters that varchar(n) and char(n) may have at most, as in PostgreSQL."""
_TEXT_LIMITS = {
    (VARCHAR, False): limit_length,
    (BPCHAR, False): pad_to_length,
    (VARCHAR, True): fit_length,
    (BPCHAR, True): fit_and_pad,
}


def _numeric(node: Node, numbers: tuple[int, ...]) -> Node:
    precision, scale = (*numbers, 0)[:2]
    if not 1 <= precision <= PRECISION:
        raise SqlError(
            f"precision for type numeric must be between 1 and {PRECISION}, found {precision}",
            "22023",
        )
    if not 0 <= scale <= precision:
        raise SqlError(
            f"scale for type numeric must be between 0 and precision {precision}, found {scale}",
            "22023",
        )
    function = Function("numeric", (NUMERIC, INT4, INT4), NUMERIC, limit_digits, can_fail=True)
    return Call(NUMERIC, function, (node, Constant(INT4, precision), Constant(INT4, scale)))


def apply_modifiers(node: Node, numbers: tuple[int, ...], *, assigned: bool = False) -> Node:
    """`node` limited as the numbers behind its type's name say; raises SqlError 22023.

    A text that is too long is cut by a cast, but refused where it is `assigned` to a column.
    """
    type_ = node.type
    if type_ is BPCHAR and not numbers:
        numbers = (1,)
    if not numbers or type_ in (FLOAT4, FLOAT8):
        return node
    if type_ is NUMERIC and len(numbers) <= 2:
        return _numeric(node, numbers)
    if len(numbers) == 1:
        (number,) = numbers
        if type_ in (VARCHAR, BPCHAR) and 1 <= number <= _LONGEST:
            limit = _TEXT_LIMITS[type_, assigned]
            function = Function(type_.name, (type_, INT4), type_, limit, can_fail=assigned)
            return _limited(node, function, number)
        if type_ in (TIMESTAMP, TIMESTAMPTZ) and 0 <= number <= 6:
            function = Function(type_.name, (type_, INT4), type_, limit_fraction, can_fail=True)
            return _limited(node, function, number)
    raise invalid_modifier(type_, numbers)


def _limited(node: Node, function: Function, number: int) -> Node:
    return Call(node.type, function, (node, Constant(INT4, number)))


def invalid_modifier(type_: SqlType, numbers: tuple[int, ...]) -> SqlError:
    shown = ",".join(map(str, numbers))
    return SqlError(f"invalid type modifier: {type_.sql_name}({shown})", "22023")
