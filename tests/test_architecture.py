"""The arrows between folders, and what must be absent: see docs/architecture.md."""

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import ROOT

OURS = ("engine", "server", "viewstream", "scripts", "tests", "tail_view", "post_deltas")
IO = (
    *("aiohttp", "asyncio", "http", "momoko", "multiprocessing", "os", "pathlib", "psycopg2"),
    *("requests", "select", "selectors", "socket", "ssl", "subprocess", "tornado", "urllib3"),
    *("threading", "time"),
)

ENGINE_BASE = ("engine.code", "engine.delimited", "engine.errors", "engine.regex", "engine.zset")

# What may be imported of ours: a name stands for itself and for all that is below it.
MAY_IMPORT = {
    "viewstream": ("viewstream",),
    "viewstream/protocol.py": (),
    "viewstream/names.py": ("viewstream.protocol",),
    "viewstream/dialect.py": ("viewstream.names", "viewstream.protocol", "viewstream.relation"),
    "viewstream/engine.py": (),
    "viewstream/relation.py": ("viewstream.names", "viewstream.protocol"),
    "viewstream/backoff.py": (),
    "viewstream/exit_status.py": (),
    "viewstream/urls.py": (),
    "viewstream/pipes.py": (),
    "viewstream/cutter.py": ("viewstream.protocol",),
    "viewstream/copy_text.py": ("viewstream.cutter", "viewstream.protocol"),
    "viewstream/bodies.py": ("viewstream.copy_text", "viewstream.protocol"),
    "viewstream/deltas.py": ("viewstream.cutter", "viewstream.protocol"),
    "viewstream/beginning.py": (
        "viewstream.copy_text",
        "viewstream.cutter",
        "viewstream.protocol",
    ),
    "viewstream/psycopg.py": ("viewstream.dialect", "viewstream.engine", "viewstream.relation"),
    "viewstream/dsn.py": (),
    "viewstream/poster.py": ("viewstream.backoff", "viewstream.protocol"),
    "viewstream/checksum.py": ("viewstream.protocol",),
    "engine": (),
    "engine/tests": ("engine",),
    "engine/errors.py": (),
    "engine/worker.py": (),
    "engine/delimited.py": ("engine.errors",),
    "engine/zset.py": (),
    "engine/code.py": ("engine.errors",),
    "engine/regex.py": ("engine.errors",),
    "engine/relation.py": ("engine.types",),
    "engine/types": ("engine.types", "engine.errors"),
    "engine/scalar": ("engine.scalar", "engine.types", *ENGINE_BASE),
    "engine/sql": ("engine.sql", "engine.scalar", "engine.types", *ENGINE_BASE),
    "engine/dataflow": ("engine.dataflow", "engine.types", *ENGINE_BASE),
    "engine/query": (
        *("engine.query", "engine.dataflow", "engine.scalar"),
        *("engine.relation", "engine.types", *ENGINE_BASE),
    ),
    "engine/storage": ("engine.storage", "engine.errors"),
    "engine/sources": (
        *("engine.sources", "engine.sql", "engine.scalar"),
        *("engine.relation", "engine.types", *ENGINE_BASE),
    ),
    "engine/catalog": (
        *("engine.catalog", "engine.sql", "engine.scalar"),
        *("engine.relation", "engine.types", *ENGINE_BASE),
    ),
    "engine/coordinator": (
        *(
            "engine.worker",
            "engine.coordinator",
            "engine.catalog",
            "engine.sources",
            "engine.storage",
        ),
        *("engine.query", "engine.dataflow", "engine.sql", "engine.scalar"),
        *("engine.relation", "engine.types", *ENGINE_BASE),
    ),
    "engine/pgwire": ("engine.pgwire", "engine.delimited", "engine.errors"),
    "engine/session": (
        *(
            "engine.worker",
            "engine.session",
            "engine.coordinator",
            "engine.pgwire",
            "engine.query",
            "engine.sql",
        ),
        *("engine.relation", "engine.types", *ENGINE_BASE),
    ),
    "engine/log_format.py": (),
    "engine/options.py": ("engine.session", "engine.coordinator", "engine.log_format"),
    "engine/__main__.py": ("engine.command",),
    "engine/command.py": (
        *("engine.options", "engine.log_format"),
        *("engine.session", "engine.coordinator", "engine.scalar", "engine.errors"),
    ),
    "server": ("server", "viewstream"),
    "server/hub": ("server.hub", "server.framing", "viewstream"),
    "server/http": (
        *("server.http", "server.wire", "server.access", "server.hub", "server.flusher"),
        *("server.framing", "server.metrics", "server.options", "viewstream"),
    ),
    "server/wire": (
        *("server.wire", "server.access", "server.hub", "server.flusher"),
        *("server.framing", "server.options", "viewstream"),
    ),
    "server/access": ("server.access", "viewstream"),
    "server/upstream": (
        *("server.upstream", "server.hub", "server.flusher", "server.metrics"),
        *("server.framing", "viewstream"),
    ),
    "tail_view.py": ("viewstream",),
    "post_deltas.py": ("viewstream",),
    "scripts": ("scripts", "viewstream"),
    "scripts/benchmarks": ("scripts", "server", "viewstream"),  # they measure its parts, too
    "scripts/sources": (
        "scripts.sources",
        "viewstream.__version__",
        "viewstream.backoff",
        "viewstream.log_format",
        "viewstream.urls",
    ),
}

# A default that is passed in everywhere else.
EXCEPTED = {("engine/scalar/environment.py", "time")}

# Plain code: no sockets, clocks, processes or awaits, so that it can be tested exhaustively.
WITHOUT_IO = (
    "viewstream/protocol.py",
    "viewstream/names.py",
    "viewstream/dialect.py",
    "viewstream/engine.py",
    "viewstream/relation.py",
    "viewstream/backoff.py",
    "viewstream/exit_status.py",
    "viewstream/urls.py",
    "viewstream/cutter.py",
    "viewstream/copy_text.py",
    "viewstream/bodies.py",
    "viewstream/deltas.py",
    "viewstream/beginning.py",
    "viewstream/checksum.py",
    "server/framing.py",
    "server/wire/client_frames.py",
    "server/wire/handshake.py",
    "server/wire/heads.py",
    "server/access/rate.py",
    "server/hub",
    "viewstream/client/state.py",
    "viewstream/client/change.py",
    "viewstream/client/values.py",
    "scripts/sources/sse.py",
    "scripts/sources/strict.py",
    "engine/pgwire",
    "engine/sql",
    "engine/catalog",
    "engine/dataflow",
    "engine/query",
    "engine/scalar",
    "engine/types",
    "engine/zset.py",
    "engine/delimited.py",
)


# Where no file of ours is, for a system without git.
IGNORED = {".git", *(ROOT / ".gitignore").read_text("utf-8").replace("/", "").split()}


def python_files(path: str) -> list[Path]:
    """The Python files at or below `path`, of which there must be some."""
    place = ROOT / path
    files = [place] if place.suffix == ".py" else sorted(place.rglob("*.py"))
    assert files and all(file.exists() for file in files), f"{path} is not there"
    return files


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """(line, full name) of each module and each name that `file` imports, wherever it does so."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def is_below(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(place + ".") for place in places)


def rule_of(file: Path) -> str:
    """The rule for a file is that of the innermost place."""
    name = str(file.relative_to(ROOT))
    return max((path for path in MAY_IMPORT if f"{name}/".startswith(f"{path}/")), key=len)


@pytest.mark.parametrize("path", MAY_IMPORT)
def test_imports_follow_the_arrows(path: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file in python_files(path)
        if rule_of(file) == path
        for line, name in imports(file)
        if is_below(name, OURS) and not is_below(name, MAY_IMPORT[path])
    ]
    assert not wrong


@pytest.mark.parametrize("path", WITHOUT_IO)
def test_the_cores_do_no_io(path: str) -> None:
    for file in python_files(path):
        wrong = [
            f"{file.name}:{line}: {name}"
            for line, name in imports(file)
            if is_below(name, IO) and (str(file.relative_to(ROOT)), name) not in EXCEPTED
        ]
        assert not wrong
        tree = ast.parse(file.read_text("utf-8"))
        waits = [
            node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)
        ]
        assert not waits, f"{file} waits"


def tracked(*patterns: str) -> list[Path]:
    """The files that git knows, or all of them where this is no clone."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    return [
        file
        for pattern in patterns or ("**/*",)
        for file in ROOT.glob(pattern)
        if file.is_file() and not IGNORED.intersection(file.relative_to(ROOT).parts)
    ]


def javascript_without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", text, flags=re.DOTALL)


def test_the_client_library_touches_no_dom() -> None:
    files = sorted((ROOT / "static" / "viewstream").glob("**/*.js"))
    assert files
    for file in files:
        text = javascript_without_comments(file.read_text("utf-8"))
        found = re.search(r"\b(?:document|window|HTMLElement|querySelector|innerHTML)\b", text)
        assert found is None, f"{file.name} touches the DOM: {found and found[0]}"


def test_the_page_loads_nothing_from_another_host() -> None:
    files = [
        file for file in (ROOT / "static").rglob("*") if file.suffix in {".html", ".css", ".js"}
    ]
    assert files
    for file in files:
        # A namespace is a name, not an address that anybody loads.
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        found = re.search(
            r"""(?:src|href|url|import|from)\s*[=(]?\s*["']?(?:https?:)?//[^\s"')]+""", text
        )
        assert found is None, f"{file.name} reaches for {found and found[0]}"


def test_no_file_names_this_machine_or_a_package_index() -> None:
    forbidden = re.compile(
        "|".join(
            re.escape(before + after)
            for before, after in [
                ("/work", "/"),
                ("py", "pi.org"),
                ("python", "hosted.org"),
                ("npm", "js.org"),
                ("--index", "-url"),
                ("--extra-index", "-url"),
                ("--trusted", "-host"),
            ]
        )
    )
    for file in tracked():
        if file.suffix in {".png", ".ico"} or file.is_symlink():
            continue
        found = forbidden.search(file.read_text("utf-8"))
        assert found is None, f"{file.relative_to(ROOT)} names {found and found[0]}"


def test_each_invariant_names_tests_that_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    numbers = [int(number) for number in re.findall(r"^(\d+)\. \*\*", text, flags=re.MULTILINE)]
    assert numbers == list(range(1, 15)), "the invariants, in order"
    invariants = re.split(r"^\d+\. \*\*", text, flags=re.MULTILINE)[1:]
    for number, invariant in zip(numbers, invariants, strict=True):
        named = re.findall(r"`((?:engine/)?tests/[\w/]+\.py)(?:::(\w+))?`", invariant)
        assert named, f"invariant {number} names no test"
        for place, function in named:
            assert (ROOT / place).exists(), f"invariant {number}: there is no {place}"
            if function:
                assert re.search(
                    rf"\b(?:def|class) {function}\b", (ROOT / place).read_text("utf-8")
                ), f"invariant {number}: {place} has no {function}"
