"""Plans are as good as by hand: keys found, columns pruned, shared parts computed once."""

from engine.query import Query
from engine.tests.support.queries import Catalog

CATALOG = Catalog(
    t="a int4, b text, c int8, d text", u="a int4, x text, y text", w="a int4, z text"
)


def plan(sql: str) -> list[str]:
    query: Query = CATALOG.compile(sql)
    return [line.strip() for line in query.explain]


def test_conditions_and_projections_become_one_function() -> None:
    sql = "SELECT n * 2 FROM (SELECT a + 1 AS n, b FROM t WHERE c > 5) AS x WHERE b = 'q'"
    assert plan(sql) == ["map (((#0 + 1) * 2))", "filter (#2 > 5) AND (#1 = 'q')", "get t (u1)"]


def test_a_list_of_tables_is_joined_by_keys() -> None:
    lines = plan("SELECT b, x, z FROM t, u, w WHERE t.a = w.a AND u.a = w.a AND z = 'q'")
    assert "cross join" not in lines
    assert lines.count("filter (#1 = 'q')") == 1


def test_joins_keep_only_columns_that_are_read() -> None:
    assert plan("SELECT count(*) FROM t JOIN u ON t.a = u.a") == [
        "reduce by () to (count(*))",
        "map ()",
        "join on left #0 = right #0",
        "map (#0)",
        "get t (u1)",
        "map (#0)",
        "get u (u2)",
    ]


def test_exists_and_in_are_semijoins() -> None:
    wanted = ["semijoin on left #0 = right #0", "get t (u1)", "map (#0)", "get u (u2)"]
    assert plan("SELECT * FROM t WHERE a IN (SELECT a FROM u)") == wanted
    assert plan("SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE t.a = u.a)") == wanted
    wanted[0] = "anti" + wanted[0].removeprefix("semi")
    assert plan("SELECT * FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE t.a = u.a)") == wanted


def test_conditions_on_groups_go_below_the_grouping() -> None:
    lines = plan("SELECT * FROM (SELECT a, count(*) AS n FROM t GROUP BY a) AS x WHERE a = 3")
    assert lines == ["reduce by (#0) to (count(*))", "map (#0)", "filter (#0 = 3)", "get t (u1)"]


def test_unused_aggregates_are_not_computed() -> None:
    lines = plan("SELECT n FROM (SELECT a, count(*) AS n, max(b) AS m FROM t GROUP BY a) AS x")
    assert lines == ["map (#1)", "reduce by (#0) to (count(*))", "map (#0)", "get t (u1)"]


def test_a_part_that_is_used_twice_is_computed_once() -> None:
    lines = plan(
        "WITH v AS (SELECT a, count(*) AS n FROM t GROUP BY a) "
        "SELECT x.n, y.n FROM v AS x JOIN v AS y ON x.a = y.a + 1"
    )
    assert sum(line.startswith("reduce") for line in lines) == 1
    assert lines.count("get l0") == 2


def test_a_plain_view_is_inlined_and_named_among_the_dependencies() -> None:
    catalog = Catalog(t="a int4, b text")
    catalog.view("v", "SELECT a + 1 AS n FROM t")
    query = catalog.compile("SELECT n FROM v")
    assert query.explain == ("map ((#0 + 1))", "  get t (u1)")
    assert query.inputs == ("u1",)
    assert set(query.dependencies) == {"u1", "u2"}


def test_offset_alone_keeps_only_the_first_rows_in_order() -> None:
    lines = plan("SELECT a FROM t ORDER BY a OFFSET 3")
    assert lines[0] == "union"
    assert "top-k order by #0 limit 3" in lines


def test_the_first_row_numbers_are_a_top_k() -> None:
    lines = plan(
        "SELECT a, b FROM (SELECT a, b, row_number() OVER (PARTITION BY b ORDER BY a DESC) AS n "
        "FROM t) AS s WHERE n <= 3"
    )
    assert "top-k of each (#4) order by #5 desc limit 3" in lines


def test_a_window_function_that_is_not_read_is_not_computed() -> None:
    lines = plan("SELECT a FROM (SELECT a, rank() OVER (ORDER BY c) AS n FROM t) AS s")
    assert lines == ["map (#0)", "get t (u1)"]
