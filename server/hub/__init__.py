"""The server's core: the history of each view, and the position of each client in it.

Plain code without sockets, clocks or awaits. Times come in as arguments (`now`, in milliseconds of
any steady clock), bytes go out through `Client`. `server.upstream.poller` asks the engine for it,
`server.wire.connection` writes to sockets for it.

    POST -> Hub -> View: History (Epochs, Log, Audit, base), Listeners -> Fanout -> Sender
"""
