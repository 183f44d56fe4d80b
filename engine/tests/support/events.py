"""JSON documents of about 1 KB, shaped like the events of a feed of edits."""

from __future__ import annotations

import json
from random import Random

USERS = 5_000


def events(count: int, seed: int = 1) -> list[str]:
    """`count` documents, one a line; a few users make most of the edits."""
    random = Random(seed)
    return [_event(number, int(random.random() ** 3 * USERS), random) for number in range(count)]


def _event(number: int, user: int, random: Random) -> str:
    title, wiki = f"Page {random.randrange(10_000)}", f"wiki{user % 40}"
    return json.dumps(
        {
            "$schema": "/edits/change/1.0.0",
            "meta": {
                "uri": f"https://{wiki}.example.org/wiki/{title}",
                "id": f"{random.getrandbits(128):032x}",
                "dt": f"2020-01-02T03:04:{number % 60:02}Z",
                "domain": f"{wiki}.example.org",
                "stream": "edits.change",
                "partition": 0,
                "offset": number,
            },
            "id": number,
            "type": random.choice(("edit", "new", "log", "categorize")),
            "namespace": number % 16,
            "title": title,
            "comment": "a summary of what was changed and why " * random.randrange(1, 4),
            "parsedcomment": "<span>a summary of what was changed and why</span> " * 2,
            "timestamp": 1_600_000_000 + number,
            "user": f"user {user}",
            "bot": user % 7 == 0,
            "minor": number % 4 == 0,
            "length": {"old": number % 5000, "new": number % 5100},
            "revision": {"old": 10**9 + number, "new": 10**9 + number + 1},
            "server_name": f"{wiki}.example.org",
            "wiki": wiki,
        }
    )
