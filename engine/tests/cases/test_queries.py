from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import SqlError
from engine.tests.cases.runner import Case, CaseFile, maintain, read, select

FOLDER = Path(__file__).parent / "queries"


def all_cases() -> Iterator[object]:
    for path in sorted(FOLDER.glob("*.txt")):
        file = read(path)
        for case in file.cases:
            yield pytest.param(file, case, id=case.place)


@pytest.mark.parametrize(("file", "case"), list(all_cases()))
def test_query(file: CaseFile, case: Case) -> None:
    if case.kind in ("error", "refused"):
        with pytest.raises(SqlError) as caught:
            file.catalog.compile(case.sql).dataflow()
        assert caught.value.message == case.argument
        if case.kind == "refused":
            file.catalog.compile(case.sql, maintained=False)
        return
    assert case.kind == "query", case.kind
    lines, errors = select(file, case.sql)
    if case.argument == "ordered":
        assert lines == case.expected
    else:
        assert [lines[0], *sorted(lines[1:])] == [case.expected[0], *sorted(case.expected[1:])]
    assert sorted(errors) == sorted(case.failing)
    if case.argument != "once":
        maintained, errors = maintain(file, case.sql)
        assert maintained == [case.expected[0], *sorted(case.expected[1:])]
        assert sorted(errors) == sorted(case.failing)
