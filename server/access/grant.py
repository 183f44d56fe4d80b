"""A grant: the views that one client may read, and until when. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from viewstream.names import parse_view
from viewstream.protocol import ProtocolError


@dataclass(frozen=True)
class Grant:
    """The views, and parts of views, that a reader's token permits.

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

    def may_read(self, name: str) -> bool:
        """Whether a view, or a part of one such as `orders[tenant=42]`, may be read."""
        if self.views is None or name in self.views:
            return True
        try:
            asked = parse_view(name)
        except ProtocolError:
            return False
        is_granted = asked.part is not None and asked.part.value in self.parts.get(asked.view, ())
        return is_granted or asked.view in self.views


ALL = Grant()
"""The grant of a server without reader keys."""
