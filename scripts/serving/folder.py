"""Folders that a command writes into."""

from __future__ import annotations

import os
from pathlib import Path


class FolderError(Exception):
    """A folder cannot be written to; the text says why."""


def make_folder(path: Path, option: str) -> None:
    """Make the folder if it is missing; raises FolderError if it cannot be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        reason = "a file is in its way"
    except OSError:
        reason = "it cannot be made there"
    else:
        if os.access(path, os.W_OK | os.X_OK):
            return
        reason = "it may not be written to"
    raise FolderError(f"expected a folder to write into as {option}, found {str(path)!r}: {reason}")
