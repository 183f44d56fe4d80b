"""A client of the server in Python: the rules of `static/viewstream/`, for scripts and tests.

`state` is the pure core (what a client holds of a view, one message at a time), `follow` the
thin shell around it (websocket, silence, backoff, resume).
"""
