"""`scripts/types`: the row types that TypeScript code of a page is checked against."""

import subprocess
from pathlib import Path

import pytest

from scripts.child import python_module
from scripts.text_query import text_query
from scripts.view_types import declare
from tests.support.npm import run as run_program
from tests.support.npm import system_node, tool
from tests.support.processes import ROOT, start_engine

EXPECTED = """\
// Written by scripts/types from the engine's columns. After an edit of the SQL, run it again.

export type UserEdits = {
  readonly "user": string | null;
  readonly "count": number | bigint | null;
};

export type Mixed = {
  readonly "a b": number | null;
  readonly "é\\"": boolean | null;
  readonly "at": string | null;
  readonly "ratio": number | null;
};

/** For `follow<Views>([..])`. */
export interface Views {
  "user_edits": UserEdits;
  "mixed": Mixed;
}
"""


def run(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        python_module("scripts.view_types", "--dsn", dsn, *arguments),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_types_are_those_of_the_columns() -> None:
    engine, dsn = start_engine()
    with engine:
        text_query(
            dsn,
            'CREATE TABLE user_edits ("user" text, count bigint)',
            'CREATE TABLE mixed ("a b" int, "é""" bool, at timestamptz, ratio float8)',
        )
        shown = run(dsn, "user_edits", "mixed")
        assert (shown.stdout, shown.stderr, shown.returncode) == (EXPECTED, "", 0)
        unknown = run(dsn, "nosuch")
        assert (unknown.stdout, unknown.returncode) == ("", 1)
        assert unknown.stderr.startswith("types: unknown catalog item 'nosuch'")


@pytest.mark.parametrize(
    ("option", "type_"),
    [("number", "number | bigint"), ("bigint", "bigint"), ("string", "string")],
)
def test_int8_is_what_the_page_chose(option: str, type_: str) -> None:
    assert f'"n": {type_} | null' in declare({"v": [("n", 20)]}, option)


def test_names_of_types_are_distinct_and_valid() -> None:
    text = declare({"a.b": [], "a_b": [], "1st": [], "views": []}, "number")
    for name in ("AB", "AB2", "View1st", "ViewViews"):
        assert f"export type {name} = " in text
    assert '"1st": View1st;' in text


def test_typescript_accepts_it(tmp_path: Path) -> None:
    """The types fit the library's own, so that a wrong column is an error of the compiler."""
    system_node()
    compiler = tool("tsc")
    types = declare({"top10": [("user", 25), ("count", 20)]}, "number")
    (tmp_path / "views.d.ts").write_text(types)
    library = ROOT / "static" / "viewstream" / "types" / "index"
    (tmp_path / "page.ts").write_text(
        f'import type {{ follow as Follow }} from "{library}.d.ts";\n'
        'import type { Views } from "./views.d.ts";\n'
        "declare const follow: typeof Follow;\n"
        'const row = follow<Views>(["top10"]).view("top10").rows()[0]!;\n'
        "export const user: string | null = row.user;\n"
        "// @ts-expect-error -- there is no such column\n"
        "export const wrong = row.nosuch;\n"
    )
    options = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext"]
    checked = run_program([compiler, *options, "page.ts"], tmp_path)
    assert checked.returncode == 0, checked.stdout


def test_columns_of_one_name_have_the_names_that_rows_have() -> None:
    text = declare({"v": [("a", 25), ("a", 20)]}, "number")
    assert '"a": string | null' in text
    assert '"a_2": number | bigint | null' in text
