"""Files are compared with the engine: created, unchanged, kept, replaced, and restored."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scripts.sql_files.apply import Outcome, apply, kept, summary
from scripts.sql_files.catalog import Existing, is_same
from scripts.sql_files.definitions import definition_of
from scripts.sql_files.statements import FOLDER, WIKIS, SqlFileError, Statement, read_statements
from scripts.text_query import text_query
from tests.support.processes import start_engine

DEMO = [path.stem.split("_", 1)[1] for path in sorted(FOLDER.glob("*.sql"))]
OF_WIKIMEDIA = [name for name in DEMO if name != "wikis"]
Run = Callable[..., dict[str, str]]


@pytest.fixture
def dsn() -> Iterator[str]:
    engine, dsn = start_engine()
    with closing(engine):
        yield dsn


@pytest.fixture
def run(dsn: str, tmp_path: Path) -> Run:
    """Apply statements, those of each file separated by `;`; returns the outcomes as texts."""

    def run(*files: str, replace: bool = False) -> dict[str, str]:
        statements = [
            Statement(tmp_path / f"{number}.sql", sql.strip())
            for number, file in enumerate(files)
            for sql in file.split(";")
        ]
        outcomes = apply(dsn, statements, wait=0, replace=replace)
        return {name: outcome.value for name, outcome in outcomes.items()}

    return run


def ids(dsn: str) -> dict[str, str]:
    found = text_query(
        dsn, "SELECT name, id FROM mz_objects WHERE id LIKE 'u%' AND type <> 'index'"
    )
    return dict(found)


def rows(dsn: str, view: str) -> list[tuple[str, ...]]:
    return sorted(text_query(dsn, f'SELECT * FROM "{view}"'))


def test_a_second_time_changes_nothing(dsn: str, tmp_path: Path) -> None:
    source = tmp_path / "it's changes"
    source.touch()
    statements = read_statements([FOLDER], {"source": str(source), "wikis": str(WIKIS)})
    assert apply(dsn, statements, wait=0) == dict.fromkeys(DEMO, Outcome.CREATED)
    before = ids(dsn)
    assert set(before) == set(DEMO)
    assert apply(dsn, statements, wait=0) == dict.fromkeys(DEMO, Outcome.UNCHANGED)
    assert ids(dsn) == before


def test_another_source_is_noticed_and_takes_its_views_along(dsn: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(f'data: {{"user":"{name}"}}\n')
    first, second = (
        read_statements([FOLDER], {"source": str(tmp_path / name), "wikis": str(WIKIS)})
        for name in ("a", "b")
    )
    apply(dsn, first, wait=0)
    outcomes = apply(dsn, second, wait=0)
    assert outcomes["wikimedia"] is Outcome.KEPT
    assert kept(second, outcomes) == [
        "10_wikimedia.sql: wikimedia differs from the file; kept; use --replace"
    ]
    assert rows(dsn, "useredits") == [("a", "1")]
    outcomes = apply(dsn, second, wait=0, replace=True)
    replaced = dict.fromkeys(OF_WIKIMEDIA, Outcome.REPLACED)
    assert outcomes == {**replaced, "wikis": Outcome.UNCHANGED}
    assert rows(dsn, "useredits") == [("b", "1")]


def test_a_view_without_if_not_exists_may_be_applied_again(run: Run) -> None:
    assert run("CREATE MATERIALIZED VIEW v AS SELECT 1 AS one") == {"v": "created"}
    assert run("CREATE MATERIALIZED VIEW v AS SELECT 1 AS one") == {"v": "unchanged"}


def test_an_edited_view_is_kept_unless_it_may_be_replaced(dsn: str, run: Run) -> None:
    run("CREATE MATERIALIZED VIEW v AS SELECT 1 AS one")
    assert run("CREATE MATERIALIZED VIEW v AS SELECT 2 AS one") == {"v": "kept"}
    assert rows(dsn, "v") == [("1",)]
    assert run("CREATE MATERIALIZED VIEW v AS SELECT 2 AS one", replace=True) == {"v": "replaced"}
    assert rows(dsn, "v") == [("2",)]
    assert run("CREATE OR REPLACE MATERIALIZED VIEW v AS SELECT 3 AS one") == {"v": "replaced"}
    assert run("CREATE OR REPLACE MATERIALIZED VIEW v AS SELECT 3 AS one") == {"v": "unchanged"}


def test_a_relation_of_another_kind_differs(dsn: str, run: Run) -> None:
    run("CREATE VIEW v AS SELECT 1 AS one")
    assert run("CREATE MATERIALIZED VIEW v AS SELECT 1 AS one") == {"v": "kept"}
    assert run("CREATE MATERIALIZED VIEW v AS SELECT 1 AS one", replace=True) == {"v": "replaced"}
    assert text_query(dsn, "SHOW MATERIALIZED VIEWS") == [("v",)]


def test_dependents_are_replaced_too_and_others_are_left_alone(dsn: str, run: Run) -> None:
    above = "CREATE VIEW b AS SELECT n FROM a; CREATE MATERIALIZED VIEW c AS SELECT n FROM b"
    other = "CREATE MATERIALIZED VIEW d AS SELECT 'a' AS name"
    run("CREATE VIEW a AS SELECT 1 AS n", above, other)
    before = ids(dsn)
    found = run("CREATE VIEW a AS SELECT 2 AS n", above, other, replace=True)
    assert found == {"a": "replaced", "b": "replaced", "c": "replaced", "d": "unchanged"}
    assert rows(dsn, "c") == [("2",)]
    assert {name for name, id in ids(dsn).items() if before[name] == id} == {"d"}


def test_a_dependent_that_no_file_has_is_not_dropped(dsn: str, run: Run) -> None:
    run("CREATE VIEW a AS SELECT 1 AS n")
    text_query(dsn, "CREATE MATERIALIZED VIEW mine AS SELECT n FROM a")
    with pytest.raises(SqlFileError, match=r"0\.sql: cannot .*a.*depended upon by.*mine"):
        run("CREATE VIEW a AS SELECT 2 AS n", replace=True)
    assert rows(dsn, "mine") == [("1",)]


@pytest.mark.parametrize(
    "edited",
    [
        ("CREATE VIEW a AS SELECT nosuch", "CREATE MATERIALIZED VIEW b AS SELECT n FROM a"),
        ("CREATE VIEW a AS SELECT 2 AS m", "CREATE MATERIALIZED VIEW b AS SELECT n FROM a"),
    ],
)
def test_after_an_error_all_is_as_it_was(dsn: str, run: Run, edited: tuple[str, str]) -> None:
    run("CREATE VIEW a AS SELECT 1 AS n", "CREATE MATERIALIZED VIEW b AS SELECT n FROM a")
    with pytest.raises(SqlFileError, match=r"\.sql: .*(nosuch|n)"):
        run(*edited, replace=True)
    assert rows(dsn, "b") == [("1",)]
    assert run("CREATE VIEW a AS SELECT 1 AS n") == {"a": "unchanged"}


def test_an_insert_runs_when_a_table_of_its_file_is_new(dsn: str, run: Run) -> None:
    file = "CREATE TABLE t (a int); INSERT INTO t VALUES (1)"
    other = "CREATE TABLE u (a int)"
    run(file)
    run(file, other)
    assert rows(dsn, "t") == [("1",)]
    run("INSERT INTO t VALUES (2)")  # a file that creates nothing has nothing to compare
    assert rows(dsn, "t") == [("1",), ("2",)]


def test_a_table_with_rows_is_never_replaced(dsn: str, run: Run) -> None:
    run("CREATE TABLE t (a int)", "CREATE MATERIALIZED VIEW v AS SELECT a FROM t")
    text_query(dsn, "INSERT INTO t VALUES (1)")
    edited = (
        "CREATE TABLE t (a int, b int)",
        "CREATE MATERIALIZED VIEW v AS SELECT a + 1 AS a FROM t",
    )
    assert run(*edited, replace=True) == {"t": "kept with their rows", "v": "replaced"}
    assert (rows(dsn, "t"), rows(dsn, "v")) == ([("1",)], [("2",)])
    text_query(dsn, "DELETE FROM t")
    assert run(*edited, replace=True) == {"t": "replaced", "v": "replaced"}


def test_a_kept_relation_is_named_before_the_error_that_it_causes(dsn: str, tmp_path: Path) -> None:
    file = tmp_path / "t.sql"
    file.write_text("CREATE TABLE t (a int)")
    apply(dsn, read_statements([file], {}), wait=0)
    file.write_text("CREATE TABLE t (a int, b int); CREATE VIEW v AS SELECT b FROM t")
    lines: list[str] = []
    with pytest.raises(SqlFileError, match='column "b" does not exist'):
        apply(dsn, read_statements([file], {}), wait=0, log=lines.append)
    assert lines == ["t.sql: t differs from the file; kept; use --replace"]


def test_outcomes_are_one_line() -> None:
    outcomes = {"a": Outcome.UNCHANGED, "b": Outcome.CREATED, "c": Outcome.UNCHANGED}
    assert summary(outcomes) == "created b; unchanged a, c"
    assert summary({}) == "nothing to apply"


class MaterializeCursor:
    """Spells a view's query in another way, as Materialize does."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, sql: str) -> None:
        self.statements.append(sql)

    def fetchone(self) -> tuple[str, str]:
        body = self.statements[0].removeprefix("CREATE TEMPORARY VIEW viewstream_comparison ")
        spelled = body.replace("::bigint", '::"pg_catalog"."int8"')
        return "", f'CREATE VIEW "mz_temp"."viewstream_comparison" {spelled}'


@pytest.mark.parametrize("column", ["x", "y"])
def test_materialize_is_asked_for_its_own_spelling(column: str) -> None:
    view = definition_of(Statement(Path(), f"CREATE VIEW v AS SELECT {column}::bigint FROM t"))
    assert view is not None
    shown = 'CREATE VIEW "materialize"."public"."v" AS SELECT x::"pg_catalog"."int8" FROM t'
    cursor = MaterializeCursor()
    assert is_same(cursor, view, Existing("VIEW", "VIEW", shown)) is (column == "x")
    assert cursor.statements[-1] == "DROP VIEW viewstream_comparison"


CLUSTER = 'IN CLUSTER "quickstart"'
REFRESH = "WITH (REFRESH = ON COMMIT)"
WEBHOOK = "FROM WEBHOOK BODY FORMAT JSON"


@pytest.mark.parametrize(
    ("written", "shown", "expected"),
    [
        (f"SOURCE s {WEBHOOK}", f"SOURCE materialize.public.s {CLUSTER} {WEBHOOK}", True),
        (f"SOURCE s {WEBHOOK}", f"SOURCE materialize.public.s {CLUSTER} {WEBHOOK} ARRAY", False),
        (f"SOURCE s IN CLUSTER c {WEBHOOK}", f"SOURCE s {CLUSTER} {WEBHOOK}", False),
        (f"SOURCE s {CLUSTER} {WEBHOOK}", f"SOURCE s {CLUSTER} {WEBHOOK}", True),
        (
            "MATERIALIZED VIEW v AS SELECT 1",
            f'MATERIALIZED VIEW "materialize"."public"."v" {CLUSTER} {REFRESH} AS SELECT 1',
            True,
        ),
        (
            f"MATERIALIZED VIEW v {REFRESH} AS SELECT 1",
            f"MATERIALIZED VIEW v {CLUSTER} {REFRESH} AS SELECT 1",
            True,
        ),
    ],
)
def test_the_cluster_that_materialize_adds_is_no_difference(
    written: str, shown: str, expected: bool
) -> None:
    """Else a second application would replace the source, and lose its events."""
    definition = definition_of(Statement(Path(), f"CREATE {written}"))
    assert definition is not None
    existing = Existing(definition.kind, definition.kind, f"CREATE {shown}")
    assert is_same(MaterializeCursor(), definition, existing) is expected
