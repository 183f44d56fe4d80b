"""Asks a URL once, for the health checks of containers: `python -m scripts.http_probe URL`."""

from __future__ import annotations

import sys

import requests

TIMEOUT = 3.0


def main() -> int:
    """Return 0 if the answer is 200; print what it is."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m scripts.http_probe URL\n")
        return 2
    try:
        response = requests.get(sys.argv[1], timeout=TIMEOUT)
    except requests.RequestException as error:
        sys.stderr.write(f"http_probe: no answer: {type(error).__name__}\n")
        return 1
    sys.stdout.write(f"{response.status_code} {response.text.strip()[:1000]}\n")
    return 0 if response.status_code == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
