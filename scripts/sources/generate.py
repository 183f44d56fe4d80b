"""Endless, plausible events in the schema of Wikimedia's `recentchange` stream.

The same arguments give the same bytes. The edits per editor are heavy-tailed, and the busiest
editors change; a few are bots. There are several wikis, page creations, categorisations, and log
events. `stories` adds new accounts that edit, and pages that several people edit in turn. Values
that repeat are encoded once, in `vocabulary`; an event is a template filled with them, cheap enough
for benchmarks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate
from random import Random

from scripts.sources.stories import Stories
from scripts.sources.vocabulary import Editor, Page, Summary, Vocabulary

ORIGIN = 1_600_000_000.0
"""The default time of the first event, in Unix seconds."""

EDITORS = 20_000
"""The default number of editors."""

_BATCH = 1024
_SKEW = 1.05
_PAGE_SKEW = 1.2
_LARGE_CHANGES = 0.04
_LARGEST_PAGE = 2_000_000
_TYPES = ("edit", "categorize", "log", "new")
_SHARES = (68, 14, 10, 8)
_CREATE = 0.1
"""The share of log events that create an account."""
_NEW_ACCOUNT = ("newusers", "create", '{"userid":%d}')
_LOGS = (
    ("newusers", "autocreate", '{"userid":%d}'),
    ("upload", "upload", '{"img_sha1":"%031x"}'),
    ("delete", "delete", "[]"),
    ("move", "move", '{"target":"Project:%d","noredir":"0"}'),
    ("patrol", "patrol", '{"curid":"%d","previd":"0","auto":1}'),
    ("block", "block", '{"duration":"31 hours","flags":"nocreate","sitewide":true,"id":%d}'),
)


def events(
    seed: int,
    *,
    start: float = ORIGIN,
    interval: float = 0.03,
    editors: int = EDITORS,
    clock: Callable[[], float] | None = None,
) -> Iterator[bytes]:
    """Yield events without end: each a JSON object in UTF-8, of about 1 KB, without a newline.

    `start` is the first event's time in Unix seconds, `interval` the seconds between two events,
    `editors` the largest number of different editors, without new accounts. If there is a `clock`,
    each event has the time at which it is taken.
    """
    random = Random(seed)  # noqa: S311 -- reproducible, not secret
    vocabulary = Vocabulary(random, editors)
    ranked = vocabulary.editors
    stories = Stories(random, vocabulary)
    weights = list(accumulate((rank + 4) ** -_SKEW for rank in range(len(ranked))))
    number = 0
    while True:
        _swap_editors(random, ranked)
        for editor, kind, summary in zip(
            random.choices(ranked, cum_weights=weights, k=_BATCH),
            random.choices(_TYPES, _SHARES, k=_BATCH),
            random.choices(vocabulary.summaries, k=_BATCH),
            strict=True,
        ):
            number += 1
            time = start + (number - 1) * interval if clock is None else clock()
            if kind == "log":
                yield _log_event(random, number, time, editor, summary, stories)
            else:
                by, page = stories.cast(editor) if kind == "edit" else (editor, None)
                yield _event(random, number, time, kind, by, page or _any_page(random, by), summary)


def _swap_editors(random: Random, ranked: list[Editor]) -> None:
    """Swap one of the busiest editors with another, so that the order at the top changes."""
    first, second = random.randrange(min(20, len(ranked))), random.randrange(min(400, len(ranked)))
    ranked[first], ranked[second] = ranked[second], ranked[first]


def _any_page(random: Random, editor: Editor) -> Page:
    pages = editor.home.pages
    return pages[int(random.random() ** _PAGE_SKEW * len(pages))]


def _event(
    random: Random,
    number: int,
    time: float,
    kind: str,
    editor: Editor,
    page: Page,
    summary: Summary,
) -> bytes:
    wiki = editor.home
    size, change = _sizes(random)
    revision = 1_300_000_000 + number
    minor = "true" if number & 3 == 0 else "false"
    if kind == "edit":
        fields = (
            f'"notify_url":"https://{wiki.domain}/w/index.php?diff={revision}&oldid='
            f'{revision - size}","minor":{minor},'
            f'"length":{{"old":{size},"new":{size + change}}},'
            f'"revision":{{"old":{revision - size},"new":{revision}}}'
        )
    elif kind == "new":
        fields = (
            f'"notify_url":"https://{wiki.domain}/w/index.php?oldid={revision}&rcid={number}",'
            f'"minor":{minor},"patrolled":{editor.bot},"length":{{"new":{size}}},'
            f'"revision":{{"new":{revision}}}'
        )
    else:
        page = wiki.categories[size % len(wiki.categories)]
        fields = (
            f'"notify_url":"https://{wiki.domain}/w/index.php?diff={revision}&oldid='
            f'{revision - size}"'
        )
    return _fill(random, number, time, kind, editor, page, summary, fields)


def _sizes(random: Random) -> tuple[int, int]:
    """Return the size of a page in bytes, and its change: most are small, a few are very large."""
    size = min(int(random.paretovariate(1.2) * 400), _LARGEST_PAGE)
    change = int(random.gauss(40, 300))
    if random.random() < _LARGE_CHANGES:
        change = int(min(random.paretovariate(1.1) * 2_000, _LARGEST_PAGE))
        if random.random() < 0.4:  # a removal, of a page that had so much
            return size + change, -change
    return size, max(-size, change)


def _log_event(
    random: Random, number: int, time: float, editor: Editor, summary: Summary, stories: Stories
) -> bytes:
    log_type, log_action, parameters = random.choice(_LOGS)
    page = _any_page(random, editor)
    if random.random() < _CREATE:
        log_type, log_action, parameters = _NEW_ACCOUNT
        editor = stories.create_account()
    if log_type == "newusers":
        page = editor.page
    if "%" in parameters:
        parameters %= number
    fields = (
        f'"log_id":{70_000_000 + number},"log_type":"{log_type}","log_action":"{log_action}",'
        f'"log_params":{parameters},"log_action_comment":{summary.comment}'
    )
    return _fill(random, number, time, "log", editor, page, summary, fields)


def _fill(
    random: Random,
    number: int,
    time: float,
    kind: str,
    editor: Editor,
    page: Page,
    summary: Summary,
    fields: str,
) -> bytes:
    """Return the event's JSON: the fields of all types, and `fields` of its own type."""
    wiki = editor.home
    domain = wiki.domain
    noise = f"{random.getrandbits(128):032x}"
    moment = int(time)
    return (
        f'{{"$schema":"/mediawiki/recentchange/1.0.0","meta":{{"uri":{page.uri},'
        f'"request_id":"{noise[:8]}-{noise[8:12]}-4{noise[13:16]}-a{noise[17:20]}-{noise[20:]}",'
        f'"id":"{noise[24:]}-{noise[4:8]}-4{noise[1:4]}-b{noise[5:8]}-{number:012x}",'
        f'"dt":"{_iso(moment)}","domain":"{domain}","stream":"mediawiki.recentchange",'
        f'"topic":"eqiad.mediawiki.recentchange","partition":0,"offset":{5_000_000_000 + number}}},'
        f'"id":{1_900_000_000 + number},"type":"{kind}","namespace":{page.namespace},'
        f'"title":{page.title},"title_url":{page.uri},"comment":{summary.comment},'
        f'"timestamp":{moment},"user":{editor.user},"bot":{editor.bot},{fields},'
        f'"server_url":"https://{domain}","server_name":"{domain}","server_script_path":"/w",'
        f'"wiki":"{wiki.name}","parsedcomment":{summary.parsed}}}'
    ).encode()


@lru_cache(maxsize=4)
def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
