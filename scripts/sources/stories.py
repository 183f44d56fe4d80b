"""Stories within generated events: new accounts that edit, and pages that people fight over."""

from __future__ import annotations

from collections import deque
from random import Random

from scripts.sources.vocabulary import Editor, Page, Vocabulary

_BY_NEWCOMERS = 0.02
"""The share of edits by accounts that were created a moment ago."""
_IN_WARS = 0.02
"""The share of edits to the page that is fought over."""
_NEWCOMERS = 12
"""How many of the latest new accounts edit."""
_WAR_EDITS = (8, 30)
"""The least and the largest number of edits of one war."""
_WAR_EDITORS = (2, 4)


class Stories:
    """Chooses the editor and the page of an edit that is part of a story."""

    def __init__(self, random: Random, vocabulary: Vocabulary) -> None:
        self._random = random
        self._vocabulary = vocabulary
        self._newcomers: deque[Editor] = deque(maxlen=_NEWCOMERS)
        self._created = 0
        self._war: deque[tuple[Editor, Page]] = deque()
        """The edits that are still to come of the present war."""

    def create_account(self) -> Editor:
        """Return the editor whose account is created; it begins to edit."""
        editor = self._vocabulary.newcomer(self._created)
        self._created += 1
        self._newcomers.append(editor)
        return editor

    def cast(self, editor: Editor) -> tuple[Editor, Page | None]:
        """Return the editor of the next edit and its page; None is any page."""
        chance = self._random.random()
        if chance < _IN_WARS:
            if not self._war:
                self._begin_war()
            return self._war.popleft()
        if chance < _IN_WARS + _BY_NEWCOMERS and self._newcomers:
            return self._random.choice(self._newcomers), None
        return editor, None

    def _begin_war(self) -> None:
        random = self._random
        people = [editor for editor in self._vocabulary.editors if editor.bot == "false"]
        first = random.choice(people or self._vocabulary.editors)
        others = [one for one in people if one.home is first.home] or [first]
        fighters = [first, *random.choices(others, k=random.randint(*_WAR_EDITORS) - 1)]
        articles = [page for page in first.home.pages if page.namespace == 0]
        page = random.choice(articles)
        self._war.extend(
            (fighters[turn % len(fighters)], page) for turn in range(random.randint(*_WAR_EDITS))
        )
