"""A grant: the views that one client may read, and until when. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Grant:
    """What a reader's token permits.

    A grant for a whole view covers each part of it. A grant for a part does not cover the view.
    """

    views: Collection[str] | None = None
    """Views that may be read whole; None: every view."""
    parts: Mapping[str, Collection[str | None]] = field(default_factory=dict)
    """Values of the column by which a view is split, by view; None is NULL."""
    expires_at: float | None = None
    """When the grant ends, in seconds since 1970; None: never."""
    key: str | None = None
    """The fingerprint of the key that signed the token; None: there is no token."""

    @property
    def covers_all(self) -> bool:
        """Whether every view may be read."""
        return self.views is None

    def may_read(self, view: str) -> bool:
        """Whether the whole view may be read."""
        return self.views is None or view in self.views

    def may_read_part(self, view: str, value: str | None) -> bool:
        """Whether the part of the view with this value may be read."""
        return self.may_read(view) or value in self.parts.get(view, ())


ALL = Grant()
"""The grant of a server without reader keys."""
