"""The views that are served and their open parts, and which of them have work to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set

from server.hub.fanout import Fanout
from server.hub.history import History
from server.hub.limits import Limits
from server.hub.open_parts import OpenParts
from server.hub.parts import Parts, PartView
from server.hub.post_check import Extended, Post
from server.hub.view import View


class ServedViews:
    """Finds views and parts by name, and calls `on_work` and `on_question` as `Hub` promises."""

    def __init__(
        self,
        names: Iterable[str],
        limits: Limits,
        on_work: Callable[[], None],
        on_question: Callable[[str], None],
        part_columns: Mapping[str, str],
    ) -> None:
        self.fanout = Fanout(limits)
        self.parts = OpenParts(part_columns, limits, self.fanout)
        self.pending: set[View] = set()
        """The views that may have something to flush."""
        self._limits = limits
        self._views: dict[str, View] = {}
        self._on_work = on_work
        self._on_question = on_question
        for name in names:
            self.add(name)

    @property
    def names(self) -> Set[str]:
        """The views that are served; their parts are not among them."""
        return self._views.keys()

    def __iter__(self) -> Iterator[View]:
        """All views, then all parts that are open."""
        return iter([*self._views.values(), *self.parts])

    def __getitem__(self, name: str) -> View:
        """Return the view, or the part, which must be open."""
        view = self.find(name)
        assert view is not None, f"{name} is not served, or is a part that is closed"
        return view

    def find(self, name: str) -> View | None:
        """Return the view, or the part if it is still open."""
        return self._views.get(name) or self.parts.find(name)

    def find_or_open(self, name: str) -> View:
        """Return the view, or the part for a client whose handshake may have outlasted it."""
        return self._views.get(name) or self.parts.find_or_open(name)

    def add(self, name: str) -> None:
        """Serve one more view."""
        assert name not in self._views, f"{name} is served already"
        view = View(History(name, self._limits), self._limits, self.fanout)
        self._views[name] = view
        self.parts.add_view(view)

    def siblings(self, part: PartView) -> Parts:
        """Return the parts of the view whose part it is."""
        parts = self.parts.of(part.parent.name)
        assert parts is not None
        return parts

    def publish(self, post: Post) -> Extended:
        """Append a delta to the log of its view, and its updates to those of the view's parts."""
        view, parts = self._views[post.delta.view], self.parts.of(post.delta.view)
        if parts is None:
            extended = view.publish(post)
            self.note_work(view)
        else:
            before = view.history.head
            extended = view.publish(post)
            self.note_work(view, *parts.split(before, extended, post.received_at))
        self.note_questions(view)
        return extended

    def note_work(self, *views: View) -> None:
        """Call `on_work` if a listener waits to be served, or one of `views` has news."""
        has_work = bool(self.fanout.queue)
        for view in views:
            if view.feed.pending:
                self.pending.add(view)
                has_work = True
        if has_work:
            self._on_work()

    def note_questions(self, view: View) -> None:
        """Call `on_question` if the engine should be asked about the view, or part."""
        if view.wants_epoch and isinstance(view, PartView):
            view.wants_epoch, view.parent.wants_epoch = False, True
            self._on_question(view.parent.name)
        if view.wants_base or view.wants_epoch:
            self._on_question(view.name)
