"""Statements as text, and what they are read as, or why they are refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from engine.delimited import Dialect
from engine.errors import SqlError
from engine.sql import statements as s
from engine.sql.parser import parse_statement, parse_statements
from engine.types import FLOAT8, INT4, TIMESTAMPTZ, array_of


def parse(sql: str) -> s.Statement:
    statement = parse_statement(sql)
    assert statement is not None
    return statement


def sql_of(tree: exp.Expr | None) -> str | None:
    return None if tree is None else tree.sql("postgres")


REGEX = r"^data: (?P<data>\{.*\})$"
CSV = "CREATE SOURCE s FROM FILE 'x' FORMAT CSV WITH"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("TAIL v", s.Tail(("v",))),
        ("tail a.V", s.Tail(("a", "v"))),
        ('TAIL "a.b"."V"""', s.Tail(("a.b", 'V"'))),
        ("TAIL v WITH (PROGRESS)", s.Tail(("v",), progress=True)),
        ("TAIL v WITH (SNAPSHOT = false, PROGRESS = true)", s.Tail(("v",), False, True)),
        ("TAIL v WITH (snapshot false, progress off)", s.Tail(("v",), False, False)),
        ("COPY (TAIL v) TO STDOUT", s.Copy(s.Tail(("v",)))),
        (
            "COPY (SUBSCRIBE v) TO STDOUT",
            s.Copy(s.Tail(("v",), verb="SUBSCRIBE")),
        ),
        ("COPY s.t (a) FROM STDIN", s.CopyFrom(("s", "t"), ("a",))),
        (
            "COPY t FROM STDIN WITH CSV HEADER DELIMITER AS ';' NULL '-' QUOTE '''' ESCAPE '!'",
            s.CopyFrom(("t",), (), s.CopyFormat("csv", Dialect(";", "'", "!", "-"), True)),
        ),
        ("COPY (TAIL v) TO STDOUT (FORMAT = text)", s.Copy(s.Tail(("v",)))),
        ("DECLARE c CURSOR FOR TAIL v", s.Declare("c", s.Tail(("v",)))),
        ('DECLARE "C" NO SCROLL CURSOR WITHOUT HOLD FOR TAIL v', s.Declare("C", s.Tail(("v",)))),
        ("FETCH c", s.Fetch("c", 1)),
        ("FETCH 5 c", s.Fetch("c", 5)),
        ("FETCH ALL FROM c", s.Fetch("c", None)),
        ("FETCH FORWARD 5 IN c", s.Fetch("c", 5)),
        ("FETCH FORWARD ALL FROM c WITH (timeout = '1s')", s.Fetch("c", None, 1.0)),
        ("FETCH NEXT c WITH (timeout '0s')", s.Fetch("c", 1, 0.0)),
        ("FETCH 1 c WITH (TIMEOUT = '1m 1.5s 100 milliseconds')", s.Fetch("c", 1, 61.6)),
        ("FETCH forward", s.Fetch("forward", 1)),
        ("FETCH all WITH (timeout = 2)", s.Fetch("all", 1, 2.0)),
        ("CLOSE c", s.Close("c")),
        ("CLOSE ALL", s.Close(None)),
        ("DEALLOCATE PREPARE p", s.Deallocate("p")),
        ("DEALLOCATE prepare", s.Deallocate("prepare")),
        ("DEALLOCATE ALL", s.Deallocate(None)),
        ("BEGIN", s.Begin()),
        ("BEGIN WORK ISOLATION LEVEL REPEATABLE READ, READ ONLY NOT DEFERRABLE", s.Begin()),
        ("START TRANSACTION READ WRITE", s.Begin("START TRANSACTION")),
        ("COMMIT AND NO CHAIN", s.Commit()),
        ("END TRANSACTION", s.Commit()),
        ("ABORT", s.Rollback()),
        ("ROLLBACK TO SAVEPOINT p", s.RollbackTo("p")),
        ("ROLLBACK WORK TO savepoint", s.RollbackTo("savepoint")),
        ("SAVEPOINT P", s.Savepoint("p")),
        ("RELEASE SAVEPOINT p", s.Release("p")),
        ("SET a TO 'x', y", s.SetVariable("a", "x, y")),
        ("SET LOCAL a = -1", s.SetVariable("a", "-1", local=True)),
        ("SET SESSION a = DEFAULT", s.SetVariable("a", None)),
        ("SET TIME ZONE 'UTC'", s.SetVariable("timezone", "UTC")),
        ("SET NAMES utf8", s.SetVariable("client_encoding", "utf8")),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL x", s.Nothing("SET")),
        ("RESET ALL", s.ResetVariable(None)),
        ("SHOW TimeZone", s.ShowVariable("timezone")),
        ("SHOW TIME ZONE", s.ShowVariable("timezone")),
        ("SHOW ALL", s.ShowVariable(None)),
        ("SHOW TRANSACTION ISOLATION LEVEL", s.ShowVariable("transaction_isolation")),
        ("SHOW CREATE VIEW a.b", s.ShowCreate("view", ("a", "b"))),
        ("EXPLAIN OPTIMIZED PLAN FOR VIEW v", s.Explain(("v",))),
        ("DISCARD TEMPORARY", s.Discard("TEMP")),
        ("UNLISTEN *", s.Nothing("UNLISTEN")),
        ("DROP VIEW IF EXISTS a, b.c CASCADE", s.Drop("view", (("a",), ("b", "c")), True, True)),
        ("DROP MATERIALIZED VIEW a", s.Drop("view", (("a",),))),
        ("DROP SOURCE a RESTRICT", s.Drop("source", (("a",),))),
        (
            "CREATE DEFAULT INDEX ON v",
            s.CreateIndex(None, ("v",), "CREATE DEFAULT INDEX ON v"),
        ),
        (
            "CREATE INDEX i ON v (a, lower(b))",
            s.CreateIndex("i", ("v",), "CREATE INDEX i ON v (a, lower(b))", ("a", "lower(b)")),
        ),
    ],
)
def test_statements(sql: str, expected: s.Statement) -> None:
    assert parse(sql) == expected


@pytest.mark.parametrize(
    ("sql", "query", "as_of"),
    [
        ("SELECT 1", "SELECT 1", None),
        ("(SELECT 1) UNION SELECT 2", "(SELECT 1) UNION SELECT 2", None),
        ("SELECT a FROM v AS OF 5", "SELECT a FROM v", "5"),
        ("SELECT a FROM v w AS OF now()", "SELECT a FROM v AS w", "NOW()"),
        ("SELECT a AS of FROM v", "SELECT a AS of FROM v", None),
        ("SELECT a AS of, b FROM v AS OF 1 + (2)", "SELECT a AS of, b FROM v", "1 + (2)"),
        ("SELECT a FROM v AS of", "SELECT a FROM v AS of", None),
        ("SELECT a FROM (SELECT 1 AS of) x", "SELECT a FROM (SELECT 1 AS of) AS x", None),
        ("SELECT a FROM v AS of WHERE a = 1", "SELECT a FROM v AS of WHERE a = 1", None),
        (
            "VALUES (1, 'a') ORDER BY 1 LIMIT 1",
            "SELECT * FROM (VALUES (1, 'a')) AS values(column1, column2) ORDER BY 1 LIMIT 1",
            None,
        ),
        ("SELECT $1,$2", "SELECT $1, $2", None),
        (r"SELECT E'a\n\'b'", "SELECT 'a\n''b'", None),
        ("SELECT 'a -- b', \"c;d\" -- e", "SELECT 'a -- b', \"c;d\" /* e */", None),
    ],
)
def test_selects(sql: str, query: str, as_of: str | None) -> None:
    select = parse(sql)
    assert isinstance(select, s.Select)
    assert (sql_of(select.query), sql_of(select.as_of)) == (query, as_of)


def test_a_tail_of_a_query_as_of_a_time() -> None:
    tail = parse("TAIL (SELECT a FROM v) WITH (PROGRESS) AS OF now() - INTERVAL '1 s'")
    assert isinstance(tail, s.Tail)
    assert isinstance(tail.target, exp.Query)
    assert sql_of(tail.as_of) == "NOW() - INTERVAL '1 s'"


def test_sources() -> None:
    sql = (
        f"CREATE SOURCE IF NOT EXISTS a.s FROM FILE '/x y' COMPRESSION GZIP"
        f" WITH (tail = true, timestamp_frequency_ms = 100) FORMAT REGEX '{REGEX}'"
    )
    assert parse(f" {sql} ;") == s.CreateSource(
        ("a", "s"),
        "/x y",
        s.RegexFormat(REGEX),
        sql,
        tail=True,
        compressed=True,
        if_not_exists=True,
    )


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE SOURCE s FROM FILE 'x' FORMAT TEXT", s.TextFormat()),
        ("CREATE SOURCE s FROM FILE 'x' FORMAT BYTES", s.BytesFormat()),
        (f"{CSV} 3 COLUMNS", s.CsvFormat(False, 3)),
        (f"{CSV} HEADER", s.CsvFormat(True, None)),
        (f"{CSV} HEADER (a, B) DELIMITED BY '|'", s.CsvFormat(True, None, ("a", "b"), "|")),
    ],
)
def test_formats(sql: str, expected: s.Format) -> None:
    source = parse(sql)
    assert isinstance(source, s.CreateSource)
    assert source.format == expected


def test_tables() -> None:
    table = parse(
        "CREATE TABLE t (a int NOT NULL DEFAULT 1 + 2, b double precision NULL, c int[],"
        ' "D" timestamp with time zone)'
    )
    assert isinstance(table, s.CreateTable)
    assert [(c.name, c.type, c.nullable, sql_of(c.default)) for c in table.columns] == [
        ("a", INT4, False, "1 + 2"),
        ("b", FLOAT8, True, None),
        ("c", array_of(INT4), True, None),
        ("D", TIMESTAMPTZ, True, None),
    ]


def test_views() -> None:
    sql = "CREATE OR REPLACE MATERIALIZED VIEW v (x, y) AS SELECT 1, 2 ORDER BY 1 LIMIT 3"
    view = parse(f"/* of */ {sql}; ")
    assert isinstance(view, s.CreateView)
    assert (view.sql, view.column_names) == (sql, ("x", "y"))
    assert (view.materialized, view.or_replace, view.if_not_exists) == (True, True, False)


def test_writes() -> None:
    insert = parse("INSERT INTO a.t (x, y) VALUES (1, 2)")
    assert isinstance(insert, s.Insert)
    assert (insert.table, insert.columns) == (("a", "t"), ("x", "y"))
    insert = parse("INSERT INTO t (SELECT 1)")
    assert isinstance(insert, s.Insert)
    assert insert.columns == ()
    update = parse('UPDATE "T" AS x SET a = 1, b = b + 1 WHERE x.c')
    assert isinstance(update, s.Update)
    assert (update.table, update.alias, sql_of(update.where)) == (("T",), "x", "x.c")
    assert [(name, sql_of(value)) for name, value in update.assignments] == [
        ("a", "1"),
        ("b", "b + 1"),
    ]
    delete = parse("DELETE FROM t")
    assert delete == s.Delete(("t",), None, None)


def test_several_statements() -> None:
    assert parse_statements(";; BEGIN; ; COMMIT;") == [s.Begin(), s.Commit()]
    assert parse_statement(" -- nothing") is None
    with pytest.raises(SqlError, match="multiple commands"):
        parse_statement("BEGIN; COMMIT")


@pytest.mark.parametrize(
    ("sql", "message", "position"),
    [
        ("foo", 'a keyword at the beginning of a statement, found identifier "foo"', 1),
        ('"SELECT" 1', 'a keyword at the beginning of a statement, found identifier "SELECT"', 1),
        ("TAIL", "Expected identifier, found EOF", 5),
        ("TAIL; SELECT 1", "Expected identifier, found EOF", 5),
        ("TAIL v x", 'Expected end of statement, found identifier "x"', 8),
        ("TAIL 'v'", "Expected identifier, found string 'v'", 6),
        ("TAIL v AS OF", "Expected an expression, found EOF", 13),
        ("COPY (TAIL v TO STDOUT", "Expected right parenthesis, found EOF", 23),
        ("CREATE VIEW v", "Expected AS, found EOF", 14),
        ("CREATE VIEW v AS", "Expected", 17),
        ("SELECT 1 FROM", "Expected", 14),
        ("SELECT (1", "Expected right parenthesis, found EOF", 10),
        ("SELECT 'a", "expected the end of a quoted string", 10),
        ("SELECT /* a", "expected the end of a comment", 12),
        ("SELECT 1 2", 'Expected end of statement, found number "2"', 10),
        ("FETCH x c", 'Expected end of statement, found identifier "c"', 9),
        ("SET a", "Expected equals sign or TO, found EOF", 6),
        ("INSERT INTO t", "Expected", 14),
    ],
)
def test_syntax_errors_have_a_place(sql: str, message: str, position: int) -> None:
    with pytest.raises(SqlError) as caught:
        parse_statements(sql)
    assert message in caught.value.message
    assert (caught.value.code, caught.value.position) == ("42601", position)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("TAIL v WITH (FOO)", "unexpected options"),
        ("TAIL v WITH (PROGRESS = 2)", "invalid PROGRESS: expected a boolean, found '2'"),
        ("SUBSCRIBE v ENVELOPE DEBEZIUM (KEY (a))", "ENVELOPE DEBEZIUM is not supported"),
        ("SUBSCRIBE v WITHIN TIMESTAMP ORDER BY a", "WITHIN TIMESTAMP ORDER BY is not supported"),
        ("SUBSCRIBE v WITH (COLOUR)", "unexpected options"),
        ("SUBSCRIBE v AS OF UP TO 3", "Expected an expression, found"),
        ("COPY (SELECT 1) TO STDOUT WITH (FORMAT parquet)", "COPY in format 'parquet' is not"),
        ("COPY (SELECT 1) TO STDOUT WITH (HEADER)", "COPY header is available only in CSV mode"),
        ("COPY (SELECT 1) TO STDOUT WITH (COLOUR)", "unexpected options"),
        ("COPY t FROM STDIN (FORMAT binary)", "COPY .. FROM in format 'binary' is not supported"),
        ("COPY t FROM STDIN (DELIMITER '::')", "COPY delimiter must be a single one-byte"),
        ("COPY t FROM '/etc/passwd'", "COPY with a file or program of the server is not"),
        ("DECLARE c SCROLL CURSOR FOR SELECT 1", "SCROLL for cursors is not supported"),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", "WITH HOLD for cursors is not supported"),
        ("FETCH BACKWARD 1 FROM c", "FETCH BACKWARD is not supported"),
        ("FETCH -1 c", "FETCH of a negative number is not supported"),
        ("FETCH c WITH (timeout = 'soon')", "expected a duration such as '1s', found 'soon'"),
        ("CREATE ROLE s", "CREATE ROLE is not supported"),
        ("CREATE TEMP VIEW v AS SELECT 1", "a temporary relation is not supported"),
        ("CREATE OR REPLACE TABLE t (a int)", "CREATE OR REPLACE TABLE is not supported"),
        ("CREATE OR REPLACE VIEW IF NOT EXISTS v AS SELECT 1", "cannot be used with IF NOT EXISTS"),
        ("CREATE TABLE t (a int GENERATED ALWAYS AS (1))", "GENERATED for a column"),
        ("CREATE TABLE t (a numeric(2, 3))", "scale for type numeric must be between 0 and"),
        ("CREATE TABLE t (a int(3))", "invalid type modifier: integer(3)"),
        ("CREATE TABLE t (a varchar(x))", "expected a number as type modifier, found X"),
        ("CREATE TABLE t (a nonsense)", 'type "nonsense" does not exist'),
        ("CREATE TABLE t (a int, a int)", 'column "a" specified more than once'),
        ("CREATE SOURCE s FROM KAFKA 'x'", "a source from KAFKA is not supported"),
        ("CREATE SOURCE s FROM FILE 'x' FORMAT AVRO", "the format AVRO is not supported"),
        ("CREATE SOURCE s FROM FILE 'x' FORMAT REGEX '('", "invalid regular expression: ("),
        ("CREATE SOURCE s FROM FILE 'x' WITH (a = 1) FORMAT TEXT", "unexpected parameters"),
        ("CREATE SOURCE s FROM FILE 'x' WITH (tail = 1) FORMAT TEXT", "expected true or false"),
        (f"{CSV} 0 COLUMNS", "expected 1 to 1600 columns, found 0"),
        (f"{CSV} 2 COLUMNS DELIMITED BY ',,'", "expected one byte as the delimiter"),
        ("UPDATE t SET a = 1 FROM u", "UPDATE with FROM is not supported"),
        ("DELETE FROM t USING u", "DELETE with USING is not supported"),
        ("SELECT " + "(" * 4000, "nested too deeply"),
        *(
            (text, "too complex to parse")  # each level would double the work
            for text in (
                "SELECT * FROM a" + " JOIN b" * 30,
                "SELECT * FROM a" + ", a LEFT JOIN b" * 30,
                "SELECT " + "ARRAY[" * 30 + "]" * 30,
                "SELECT " + "numeric(" * 30 + ")" * 30,
            )
        ),
    ],
)
def test_what_is_refused_is_named(sql: str, message: str) -> None:
    with pytest.raises(SqlError) as caught:
        parse_statements(sql)
    assert message in caught.value.message


KEYWORDS = "SELECT TAIL COPY FETCH DECLARE CURSOR FOR CREATE VIEW SOURCE TABLE INDEX FROM FILE"
MORE_KEYWORDS = "FORMAT AS OF WITH IN NOT NULL TO STDOUT DROP SHOW SET INSERT INTO VALUES UPDATE"
MARKS = "( ) , ; = . * a b 'x' \"y\" 1 $1 - + :: [ ] E'\\ /* */ -- CASE END WHERE BEGIN EXPLAIN ON"
WORDS = f"{KEYWORDS} {MORE_KEYWORDS} {MARKS}".split()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=40))
def test_any_text_is_parsed_or_refused(sql: str) -> None:
    try:
        parse_statements(sql)
    except SqlError as error:
        assert error.message
        assert error.position is None or 1 <= error.position <= len(sql) + 1


def test_a_select_that_is_asked_again_is_parsed_once() -> None:
    sql = "SELECT a FROM t WHERE b = 'asked again'"
    first = parse(sql)
    assert parse(sql) is first
    assert parse(f"{sql} AS OF 5") == s.Select(first.query, exp.Literal.number(5))  # type: ignore[attr-defined]
    for other in ("CREATE VIEW v AS SELECT 1", "SELECT 1; SELECT 2", f"SELECT '{'x' * 1000}'"):
        assert all(a is not b for a, b in zip(*map(parse_statements, (other, other)), strict=True))
    for number in range(200):
        parse(f"SELECT {number}")
    assert parse(sql) is not first
    assert parse(sql) == first
