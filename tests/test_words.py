"""The worst habits of language that CONTRIBUTING.md names: found here, so that nobody has to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.processes import ROOT
from tests.test_architecture import tracked

TEXTS = {".css", ".html", ".js", ".md", ".py", ".sh", ".sql", ".toml", ".ts", ".tsx", ".yml", ""}
"""Suffixes of files that people write sentences in; the entry points in scripts/ have none."""

OPENINGS = re.compile(r"(?:Who|Whom|Whose|Whoever|What|When an?)\b")
"""A docstring begins with a verb or a noun, not with a question word."""

PHRASES = re.compile(
    r"\b(?:beside the (?:event )?loop|anew|let(?:s|ting)? go|st(?:ands?|ood) at|whoever|whom)\b",
    re.IGNORECASE,
)
"""Each has a plain word: in a worker thread, again, release or close, is at, a noun."""

EXEMPT = {"LICENSE", "tests/test_words.py"}
"""The first is not ours to word, and the second quotes what it looks for."""


def text_files() -> list[Path]:
    return [
        file
        for file in tracked()
        if file.suffix in TEXTS
        and not file.is_symlink()
        and str(file.relative_to(ROOT)) not in EXEMPT
    ]


def docstrings(file: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of each string that documents a module, class, function or attribute."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        match node:
            case ast.Expr(value=ast.Constant(value=str() as text)):
                yield node.lineno, text


def test_no_docstring_begins_with_a_question_word() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{line}: {text.partition(chr(10))[0]}"
        for file in text_files()
        if file.suffix == ".py"
        for line, text in docstrings(file)
        if OPENINGS.match(text)
    ]
    assert not found, "\n".join(found)


def test_no_file_uses_the_old_phrases() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}: {match[0]!r}"
        for file in text_files()
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if (match := PHRASES.search(line))
    ]
    assert not found, "\n".join(found)
