"""The values of generated events: wikis with their pages, editors, and edit summaries.

All are invented, from syllables of several scripts, so that characters of one to four bytes,
quotes and backslashes occur. Strings are kept as JSON, ready for an event.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

import msgspec

_LATIN = "an bel cor da el fen gar hol is jun kel lo mar nor os pel quin ra sel tor ven wil yor zen"
_ALPHABETS = {
    "en": _LATIN,
    "de": _LATIN + " für müh groß schön bäu",
    "fr": _LATIN + " çon é là œu",
    "ru": "ба ве го да же зи ка ле мо ну по ры са ти уль фе хо ца че шу",  # noqa: RUF001 -- meant
    "ja": "あき かわ さと たに なか はま まつ やま よし わた 川 山 田 野",
    "ar": "با تم جل حس دا رم سل شم عم فر قم كر لم مر نو",
}
_SYLLABLES = {language: text.split() for language, text in _ALPHABETS.items()}
# Wiki, language, domain, share of all events: roughly those of the real stream.
_WIKIS = (
    ("enwiki", "en", "en.wikipedia.org", 26),
    ("wikidatawiki", "en", "www.wikidata.org", 24),
    ("commonswiki", "en", "commons.wikimedia.org", 22),
    ("dewiki", "de", "de.wikipedia.org", 7),
    ("frwiki", "fr", "fr.wikipedia.org", 6),
    ("ruwiki", "ru", "ru.wikipedia.org", 5),
    ("jawiki", "ja", "ja.wikipedia.org", 4),
    ("arwiki", "ar", "ar.wikipedia.org", 3),
    ("enwiktionary", "en", "en.wiktionary.org", 3),
)
_NAMESPACES = {0: "", 1: "Talk:", 3: "User talk:", 4: "Project:", 10: "Template:", 14: "Category:"}
_REMARKS = (
    "",
    "",
    "ce",
    "typo",
    "added a reference",
    "Reverted 1 edit (vandalism)",
    "fixed a link, see the talk page",
    'quote: "as it was"',
    r"removed a stray \ from the table",
    "→ new section 🎉",
    "orthographe, mise à jour",
    "оформление",
    "リンクを修正",
    "تصحيح الرابط",
)
_SECTIONS = ("", "", "History", "References", "Early life", "Career", "External links")
_PAGES_PER_WIKI = 400


def as_json(text: str) -> str:
    """Return `text` as a JSON string with as few escapes as possible."""
    return msgspec.json.encode(text).decode()


@dataclass(frozen=True, slots=True)
class Page:
    """A page; `title` and `uri` are JSON strings."""

    namespace: int
    title: str
    uri: str


@dataclass(frozen=True, slots=True)
class Wiki:
    name: str
    domain: str
    pages: Sequence[Page]
    categories: Sequence[Page]


@dataclass(frozen=True, slots=True)
class Editor:
    """An editor; `user` is a JSON string, `bot` a JSON boolean."""

    user: str
    bot: str
    home: Wiki
    page: Page


@dataclass(frozen=True, slots=True)
class Summary:
    """An edit's summary, both forms as JSON strings."""

    comment: str
    parsed: str


class Vocabulary:
    """Wikis, editors (the busiest first) and summaries, all made from `random`."""

    def __init__(self, random: Random, editors: int) -> None:
        self._random = random
        self.wikis = [self._wiki(name, language, domain) for name, language, domain, _ in _WIKIS]
        self.summaries = [
            self._summary(remark, section) for remark in _REMARKS for section in _SECTIONS
        ]
        shares = [share for *_, share in _WIKIS]
        homes = random.choices(range(len(_WIKIS)), shares, k=editors)
        self.editors = [self._editor(number, home) for number, home in enumerate(homes)]

    def _word(self, language: str) -> str:
        syllables = self._random.choices(_SYLLABLES[language], k=self._random.randint(2, 3))
        return "".join(syllables).capitalize()

    def _page(self, domain: str, namespace: int, title: str) -> Page:
        title = _NAMESPACES.get(namespace, "") + title
        uri = f"https://{domain}/wiki/{quote(title.replace(' ', '_'), safe=':/')}"
        return Page(namespace, as_json(title), as_json(uri))

    def _wiki(self, name: str, language: str, domain: str) -> Wiki:
        random = self._random
        if name == "wikidatawiki":
            numbers = random.sample(range(1_000, 130_000_000), _PAGES_PER_WIKI)
            pages = [self._page(domain, 0, f"Q{number}") for number in numbers]
        else:
            pages = [
                self._page(
                    domain,
                    random.choices(tuple(_NAMESPACES), (78, 6, 5, 4, 5, 2))[0],
                    f"{self._word(language)} {self._word(language)}",
                )
                for _ in range(_PAGES_PER_WIKI)
            ]
        categories = [self._page(domain, 14, self._word(language)) for _ in range(40)]
        return Wiki(name, domain, pages, categories)

    def _summary(self, remark: str, section: str) -> Summary:
        if not section:
            return Summary(as_json(remark), as_json(html.escape(remark)))
        comment = f"/* {section} */ {remark}".rstrip()
        link = f'<a href="#{section.replace(" ", "_")}">→\u200e{section}</a>'
        parsed = (
            f'<span dir="auto"><span class="autocomment">{link}</span> {html.escape(remark)}</span>'
        )
        return Summary(as_json(comment), as_json(parsed))

    def _editor(self, number: int, home: int) -> Editor:
        wiki = self.wikis[home]
        bot = number < 40 and number % 3 == 0
        word = self._word(_WIKIS[home][1])
        if bot:
            user = f"{word}Bot"
        elif number % 4 == 3 and number > 40:  # a temporary account, for edits without a login
            user = f"~2026-{number:05}-{self._random.randint(10, 99)}"
        else:
            user = f"{word} {number}" if number > 400 else f"{word} {self._word(_WIKIS[home][1])}"
        page = self._page(wiki.domain, 2, f"User:{user}")
        return Editor(as_json(user), "true" if bot else "false", wiki, page)
