"""Live SQL views: the protocol of viewstream, and a client for it."""

__version__ = "0.1.0"
