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
    "es": _LATIN + " ña ción é",
    "pl": _LATIN + " łó szcz żę",
    "ru": "ба ве го да же зи ка ле мо ну по ры са ти уль фе хо ца че шу",  # noqa: RUF001 -- meant
    "el": "α βο γε δη θω κα λι μο νε ξη πο ρα σι τα φω χει",  # noqa: RUF001 -- meant
    "ja": "あき かわ さと たに なか はま まつ やま よし わた 川 山 田 野",
    "zh": "安 北 长 东 光 海 河 江 林 龙 南 山 西 新 云 州",
    "ko": "가 나 다 마 바 사 한 강 산 서 울 동 남 북",
    "ar": "با تم جل حس دا رم سل شم عم فر قم كر لم مر نو",
    "he": "אב בן גל דר חן טל ים כר לב מר נר עז רם שר",
    "hi": "अ क ग च ज त द न प ब म य र ल व स ह",
    "th": "กา ขา คำ จัน ดี ตา นา บัว ปา มา ยา ลา สา",
}
_SYLLABLES = {language: text.split() for language, text in _ALPHABETS.items()}
# Wiki, language, domain, share of all events: roughly those of the real stream.
_WIKIS = (
    ("enwiki", "en", "en.wikipedia.org", 26),
    ("wikidatawiki", "en", "www.wikidata.org", 20),
    ("commonswiki", "en", "commons.wikimedia.org", 18),
    ("dewiki", "de", "de.wikipedia.org", 6),
    ("frwiki", "fr", "fr.wikipedia.org", 5),
    ("ruwiki", "ru", "ru.wikipedia.org", 4),
    ("eswiki", "es", "es.wikipedia.org", 4),
    ("jawiki", "ja", "ja.wikipedia.org", 3),
    ("zhwiki", "zh", "zh.wikipedia.org", 3),
    ("arwiki", "ar", "ar.wikipedia.org", 2),
    ("plwiki", "pl", "pl.wikipedia.org", 2),
    ("hewiki", "he", "he.wikipedia.org", 1),
    ("kowiki", "ko", "ko.wikipedia.org", 1),
    ("hiwiki", "hi", "hi.wikipedia.org", 1),
    ("thwiki", "th", "th.wikipedia.org", 1),
    ("elwiki", "el", "el.wikipedia.org", 1),
    ("enwiktionary", "en", "en.wiktionary.org", 2),
)
_TITLES = {
    "en": (
        "{0} River",
        "Battle of {0}",
        "{0} railway station",
        "List of {0} episodes",
        "2026 in {0}",
        "{0} (disambiguation)",
    ),
    "de": ("Bahnhof {0}", "Liste der Straßen in {0}", "{0} (Begriffsklärung)"),
    "fr": ("Gare de {0}", "Bataille de {0}", "{0} (homonymie)"),
    "es": ("Estación de {0}", "Batalla de {0}", "{0} (desambiguación)"),
}
_HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "'; DROP VIEW top10; --",
    "javascript:alert(1)",
    '=HYPERLINK("https://example.org")',
    "&lt;b&gt; & &amp;",
    "\\N",
    "__proto__",
    "\u202egpj.exe",
    "\u200b\u2060",
    "\u00a0 \u3000",
    "tab\there",
    "a\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308 Zalgo",
    "👩‍👩‍👧‍👦 family 🏳️‍🌈",
    "Donaudampfschifffahrtsgesellschaft" * 6,
)
"""Names of pages and editors that a page must show as text. No wiki would allow all of them."""
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
_PAGES_PER_WIKI = 2_000
_HOSTILE_EVERY = 150
"""Of so many pages, or editors, one has a hostile name."""
_NEWCOMERS = 0.1
"""New accounts, as a share of the editors: after so many, the same ones are created again."""


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
        self._newcomers: list[Editor] = []
        self._newcomer_count = max(1, int(editors * _NEWCOMERS))

    def newcomer(self, number: int) -> Editor:
        """Return the editor that creates the account of that number."""
        number %= self._newcomer_count
        while len(self._newcomers) <= number:
            home = self._random.randrange(len(_WIKIS))
            user = f"{self._word(_WIKIS[home][1])} new {len(self._newcomers)}"
            self._newcomers.append(self._named_editor(user, home))
        return self._newcomers[number]

    def _word(self, language: str) -> str:
        syllables = self._random.choices(_SYLLABLES[language], k=self._random.randint(2, 3))
        return "".join(syllables).capitalize()

    def _title(self, language: str, number: int) -> str:
        if number % _HOSTILE_EVERY == _HOSTILE_EVERY - 1:
            return _HOSTILE[number // _HOSTILE_EVERY % len(_HOSTILE)]
        patterns = _TITLES.get(language, ())
        if number % 3 or not patterns:
            return f"{self._word(language)} {self._word(language)}"
        return self._random.choice(patterns).format(self._word(language))

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
                    self._title(language, number),
                )
                for number in range(_PAGES_PER_WIKI)
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
        word = self._word(_WIKIS[home][1])
        if is_bot := number < 40 and number % 3 == 0:
            user = f"{word}Bot"
        elif number % _HOSTILE_EVERY == _HOSTILE_EVERY - 1:
            user = _HOSTILE[number // _HOSTILE_EVERY % len(_HOSTILE)]
        elif number % 4 == 3 and number > 40:  # a temporary account, for edits without a login
            user = f"~2026-{number:05}-{self._random.randint(10, 99)}"
        else:
            user = f"{word} {number}" if number > 400 else f"{word} {self._word(_WIKIS[home][1])}"
        return self._named_editor(user, home, is_bot=is_bot)

    def _named_editor(self, user: str, home: int, *, is_bot: bool = False) -> Editor:
        wiki = self.wikis[home]
        page = self._page(wiki.domain, 2, f"User:{user}")
        return Editor(as_json(user), "true" if is_bot else "false", wiki, page)
