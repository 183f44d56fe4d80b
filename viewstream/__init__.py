"""Live SQL views: the protocol of viewstream, and a client for it."""
