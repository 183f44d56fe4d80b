"""Fuzzes every parser of what others send, guided by coverage: see `tests/README.md`."""
