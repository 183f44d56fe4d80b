"""The file of `--views-from`: names of views to serve, which may grow while the server runs."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from server.option_values import view_name

log = logging.getLogger("server")


class ViewList:
    """Reads the file again when it has changed. Without a file there are no names."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._signature: tuple[int, int, int] | None = None
        self._names: list[str] = []
        self._problem = ""

    def read(self) -> list[str]:
        """Return the names that the file has now, or had last if it cannot be read.

        A line that names no view is logged and left out.
        """
        if self._path is None:
            return []
        try:
            status = self._path.stat()
            signature = (status.st_mtime_ns, status.st_size, status.st_ino)
            if signature != self._signature:
                self._names = self._parse(self._path.read_text("utf-8"))
                self._signature, self._problem = signature, ""
        except (OSError, UnicodeDecodeError) as error:
            if str(error) != self._problem:  # logged once, not with each look
                self._problem = str(error)
                log.warning("cannot read %s: %s", self._path, error)
        return self._names

    def _parse(self, text: str) -> list[str]:
        names = []
        for line in filter(None, text.split("\n")):
            try:
                names.append(view_name(line))
            except argparse.ArgumentTypeError as error:
                log.warning("%s: %s", self._path, error)
        return names
