"""The base of handlers that answer about the rows of one view, whole or a part."""

from __future__ import annotations

from server.access.refusal import Refusal, parse_asked, refuse_view
from server.http.handler import Handler
from viewstream.names import ViewName
from viewstream.protocol import ProtocolError


class OneView(Handler):
    """Answers clients that may follow the view by a stream, and refuses all others."""

    allows_other_origins = True

    def find_view(self) -> ViewName | Refusal:
        """Return the view of the argument `view`, if it is served, and granted to the client."""
        refusal = self.context.access.refuse_origin(self.request.headers)
        if refusal is not None:
            return refusal
        names = self.arguments_of("view")
        if len(names) != 1:
            return Refusal(400, f"expected one view: {self.request.path}?view=NAME")
        grant = self.find_grant()
        if isinstance(grant, Refusal):
            return grant
        hub = self.context.hub
        try:
            name = parse_asked(names[0], hub)
        except ProtocolError as error:
            return Refusal(400, str(error))
        return refuse_view(name, hub, grant) or self.open_part(name) or name

    def open_part(self, name: ViewName) -> Refusal | None:
        """Open the part, if it is one, or prevent that it is closed; refuse if it is too many."""
        request = self.request
        network = self.context.client_network(request.remote_ip or "", request.headers)
        return self.context.admission.open_parts([name], network)
