"""Files as sources: bytes to lines, lines to rows; without times or queries."""

from engine.sources.file import FileReader, FileState, Slice, SourceFile
from engine.sources.formats import LINE_NUMBER, RowFormat, row_format

__all__ = [
    "LINE_NUMBER",
    "FileReader",
    "FileState",
    "RowFormat",
    "Slice",
    "SourceFile",
    "row_format",
]
