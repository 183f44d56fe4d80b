"""Makes a file with a random token, unless there is one: `python -m scripts.make_token FILE`."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path


def make_token(path: Path) -> bool:
    """Write a token that only its owner can read; return False if the file has one already."""
    if path.exists() and path.read_text("utf-8").strip():
        return False
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    new.replace(path)
    return True


def main() -> int:
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m scripts.make_token FILE\n")
        return 2
    path = Path(sys.argv[1])
    try:
        word = "made" if make_token(path) else "kept"
    except OSError as error:
        sys.stderr.write(f"make_token: cannot write {path}: {error.strerror}\n")
        return 1
    sys.stderr.write(f"make_token: {word} the token of {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
