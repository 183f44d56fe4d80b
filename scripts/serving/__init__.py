"""Runs the whole pipeline on one machine: `scripts/serve`, and `scripts/demo` with a source.

`plan` describes which processes run and where, `session` runs them, `check` proves the demo.
"""
