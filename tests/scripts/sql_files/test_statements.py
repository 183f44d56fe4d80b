"""SQL files are split and filled in as psql does it."""

from pathlib import Path

import pytest

from scripts.sql_files.statements import (
    FOLDER,
    SqlFileError,
    list_files,
    read_statements,
    split,
    substitute,
)


def test_statements_end_at_semicolons_outside_strings_and_comments() -> None:
    sql = """
        -- a comment; with a semicolon
        SELECT ';', "a;b", 'it''s' /* ; */;;
        SELECT $$;$$;
        SELECT 3 -- no semicolon at the end
    """
    assert [statement.split("\n")[-1].strip() for statement in split(sql)] == [
        """SELECT ';', "a;b", 'it''s' /* ; */""",
        "SELECT $$;$$",
        "SELECT 3 -- no semicolon at the end",
    ]
    assert list(split(" ; -- nothing\n;")) == []


def test_what_is_no_sql_is_refused() -> None:
    with pytest.raises(SqlFileError, match="expected SQL"):
        list(split("SELECT 'a"))


def test_a_variable_becomes_a_string_literal() -> None:
    assert substitute("FROM FILE :'source' x::'y'", {"source": "/it's"}) == (
        "FROM FILE '/it''s' x::'y'"
    )


@pytest.mark.parametrize(
    ("name", "option"), [("source", "--source PATH"), ("orders", "--set orders=VALUE")]
)
def test_a_variable_without_a_value_is_refused(name: str, option: str) -> None:
    with pytest.raises(SqlFileError, match=f"the SQL needs a value for :'{name}': give {option}"):
        substitute(f"FROM FILE :'{name}'", {})


def test_a_folder_means_its_sql_files_in_order(tmp_path: Path) -> None:
    for name in ("20.sql", "10.sql", "notes.txt"):
        (tmp_path / name).touch()
    other = tmp_path / "notes.txt"
    assert list_files([other, tmp_path]) == [other, tmp_path / "10.sql", tmp_path / "20.sql"]


def test_the_demo_says_if_not_exists_and_never_or_replace() -> None:
    values = {"source": "/data/changes", "wikis": "/data/wikis.csv"}
    statements = read_statements([FOLDER], values)
    statements = [one for one in statements if not one.sql.startswith("CREATE DEFAULT INDEX")]
    names = [statement.file.stem.split("_", 1)[1] for statement in statements]
    assert {"wikimedia", "wikis", "recentchanges", "counter", "useredits", "top10"} <= set(names)
    for statement, name in zip(statements, names, strict=True):
        assert f"IF NOT EXISTS {name}" in statement.sql
        assert "OR REPLACE" not in statement.sql, "a new id would be a new history"
