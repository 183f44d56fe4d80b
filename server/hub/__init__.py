"""The server's core: what every view's history is, and who has how much of it.

Plain code without sockets, clocks or awaits; times come in as arguments (`now`, in milliseconds of
any steady clock), bytes go out through `Client`. `server.upstream.poller` asks the engine for it,
`server.http.connection` writes to sockets for it.

    POST ──> Hub.post ──> View: Epochs, Log, Audit, base ──> Listeners ──> Fanout ──> Client.send
"""
