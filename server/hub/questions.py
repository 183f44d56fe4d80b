"""The questions that the engine is to be asked about views, and its answers.

`Hub.questions`, for the poller and the server's own TAILs.
"""

from __future__ import annotations

from server.hub.engine_answer import EngineAnswer, EngineFailure
from server.hub.epochs import Question
from server.hub.parts import PartView
from server.hub.post_check import Post
from server.hub.served_views import ServedViews
from server.hub.status import encode_status
from viewstream.names import ViewName
from viewstream.protocol import Status

REFUSED = 4404
"""The close code for a client whose last view turns out not to exist."""
MAX_REASON = 120
"""Bytes of a close frame's reason, which has room for 123."""


class Questions:
    """Numbers questions, knows which are open, and applies answers to views and parts."""

    def __init__(self, views: ServedViews) -> None:
        self._views = views
        self.relations: dict[str, str] = {}
        """The full names of the relations, such as mz_catalog.mz_sources for mz_sources."""

    # --- questions ---------------------------------------------------------------------------

    def name_of(self, name: str) -> ViewName:
        """Return the name of a view, or of a part that is open, in its pieces."""
        view = self._views.find(name)
        return view.view_name if isinstance(view, PartView) else ViewName(name)

    def wants_base(self, name: str) -> bool:
        """Whether to read a base of the view."""
        view = self._views.find(name)
        return view is not None and view.wants_base

    def wants_epoch(self, name: str) -> bool:
        """Whether to ask for the view's epoch at once."""
        view = self._views.find(name)
        return view is not None and view.wants_epoch

    def request_epoch(self, name: str) -> None:
        """Have the engine asked for the view's epoch."""
        view = self._views[name]
        view.wants_epoch = True
        self._views.note_questions(view)

    def request_base(self, name: str) -> None:
        """Have a base of the view read."""
        view = self._views[name]
        view.wants_base = True
        self._views.note_questions(view)

    def ask(self, name: str, *, for_base: bool) -> Question:
        """Number a question that is about to be put to the engine."""
        view = self._views[name]
        if not for_base:
            view.wants_epoch = False
        return view.history.epochs.ask()

    # --- progress -----------------------------------------------------------------------------

    def last(self, name: str) -> int:
        """The number of the last question to the engine about a view."""
        return self._views[name].history.epochs.asked

    def is_settled(self, name: str, asked: int) -> bool:
        """Whether a question later than number `asked` has confirmed the hub's epoch."""
        return self._views[name].history.epochs.settled > asked

    def is_read(self, name: str, asked: int) -> bool:
        """Whether a base was read that answers a question later than number `asked`."""
        return self._views[name].history.check.base_asked > asked

    def failures(self, name: str) -> int:
        """How many questions for the view's epoch have failed."""
        return self._views[name].failures.count

    def base_failures(self, name: str) -> int:
        """How many reads of a base of the view have failed."""
        return self._views[name].failures.base_count

    # --- answers -----------------------------------------------------------------------------

    def take_answer(self, name: str, answer: EngineAnswer) -> bool:
        """Take the engine's answer; return False if it came too late, and must be asked again.

        An answer about a part that has been closed is dropped.
        """
        view = self._views.find(name)
        if view is None:
            return True
        if isinstance(view, PartView):
            return self._take_answer_of_part(view, answer)
        is_timely = view.on_answer(answer)
        parts = self._views.parts.of(name)
        if is_timely and parts is not None:
            parts.on_answer(answer)
        progress = view.history.follow_time(answer.received_at)
        if progress is not None:
            self._views.publish(Post(progress, answer.received_at, answer.question.number))
            view.history.check.is_still = True  # until a pipeline posts again
        self._views.note_questions(view)
        self._views.note_work()
        return is_timely

    def _take_answer_of_part(self, part: PartView, answer: EngineAnswer) -> bool:
        if part.history.has_epoch(answer.epoch) and answer.base is not None:
            self._views.siblings(part).prepare_base(part, answer.base, answer.received_at)
        is_timely = part.on_answer(answer)
        if not is_timely:
            part.wants_epoch = True
        self._views.note_questions(part)
        self._views.note_work(part)
        return is_timely

    def take_failure(self, name: str, failure: EngineFailure) -> None:
        """Note that the engine did not answer, cannot read the view, or has no such view."""
        view = self._views.find(name)
        if view is None:
            return  # a part that has been closed
        parts = None if failure.of_base else self._views.parts.of(name)
        for one in (view, *(parts or ())):
            one.on_failure(failure)
        self._views.note_work()

    def refuse_part(self, name: str, reason: str) -> None:
        """Refuse the clients of a part that the engine cannot have, such as `[id=x]` of numbers."""
        part = self._views.parts.find(name)
        if part is None:
            return
        part.refusal, part.wants_base = reason, False
        message = encode_status(Status(name, "refused", reason))
        for listener in [one for one in part.listeners if one.client.is_ready]:
            del listener.client.listeners[name]
            part.unsubscribe(listener)
            if listener.client.listeners:
                self._views.fanout.write(listener.client, message)
            else:
                listener.client.close(REFUSED, reason.encode()[:MAX_REASON].decode(errors="ignore"))

    def note_relation(self, name: str, relation: str) -> None:
        """Note the full name of the relation that the engine found for a view."""
        self.relations[name] = relation

    def note_tail(self, name: str, failure: str | None) -> None:
        """Note why the server's own TAIL of a view does not run, or that it does."""
        self._views[name].failures.tail = failure
