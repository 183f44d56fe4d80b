"""The client library's files: without comments, compressed once for all pages.

The files are read as they are in the repository. Pages load a fifth of that: comments are half of
it, and gzip does the rest. There is no build step, and nothing is renamed.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from server.http.handler import allow_origin
from server.http.handlers import OwnPage

_COMMENT = re.compile(
    r"^[ \t]*/\*\*[^*]*(?:\*(?!/)[^*]*)*\*/[ \t]*\n"  # a block of lines
    r"|^[ \t]*//[^\n]*\n"
    r"|/\*\* @(?:type|import) [^\n]*?\*/ ?",  # within a line
    re.MULTILINE,
)


def strip_comments(source: str) -> str:
    """Remove the comments of a module of the library, each of which begins a line or has a type.

    No text of the library looks like one: `tests/static/test_tools.py` compares the code.
    """
    return _COMMENT.sub("", source)


@dataclass(frozen=True)
class _File:
    changed_at: int
    plain: bytes
    gzipped: bytes
    tag: str
    """Weak, since it is the same for both."""


_files: dict[Path, _File] = {}


def _read(path: Path) -> _File:
    """Return the file as it is sent; it is prepared when it is asked for first, or has changed."""
    changed_at = path.stat().st_mtime_ns
    file = _files.get(path)
    if file is None or file.changed_at != changed_at:
        plain = path.read_bytes()
        if path.suffix == ".js":
            plain = strip_comments(plain.decode()).encode()
        tag = f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"'
        file = _files[path] = _File(changed_at, plain, gzip.compress(plain, mtime=0), tag)
    return file


class LibraryFile(OwnPage):
    """A file of the library, which pages of allowed origins may import."""

    def prepare(self) -> None:
        super().prepare()
        allow_origin(self, self.context.access)

    @classmethod
    def get_content(
        cls, abspath: str, start: int | None = None, end: int | None = None
    ) -> Generator[bytes, None, None]:
        yield _read(Path(abspath)).plain[start:end]

    def get_content_size(self) -> int:
        assert self.absolute_path is not None
        return len(_read(Path(self.absolute_path)).plain)

    async def get(self, path: str, include_body: bool = True) -> None:
        self.add_header("Vary", "Accept-Encoding")
        headers = self.request.headers
        if "gzip" not in headers.get("Accept-Encoding", "") or "Range" in headers:
            await super().get(path, include_body)
            return
        self.path = self.parse_url_path(path)
        asked = self.get_absolute_path(self.root, self.path)
        self.absolute_path = self.validate_absolute_path(self.root, asked)
        assert self.absolute_path is not None  # the root has no default file
        self.modified = self.get_modified_time()
        self.set_headers()
        if self.should_return_304():
            self.set_status(304)
            return
        body = _read(Path(self.absolute_path)).gzipped
        self.set_header("Content-Encoding", "gzip")
        self.set_header("Content-Length", str(len(body)))
        if include_body:
            self.write(body)

    def compute_etag(self) -> str | None:
        assert self.absolute_path is not None
        return _read(Path(self.absolute_path)).tag
