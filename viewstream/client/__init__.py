"""The Python client: exact copies of views, kept exact, over one websocket."""

from viewstream.client.change import Change, Updated
from viewstream.client.stream import Stream, follow
from viewstream.client.view import FollowError, Standing, View
from viewstream.names import part_of

__all__ = ["Change", "FollowError", "Standing", "Stream", "Updated", "View", "follow", "part_of"]
