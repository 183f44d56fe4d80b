"""Breaks the whole pipeline on purpose, again and again, and proves after each fault that it holds.

`schedule` says what is done and when, `faults` how; `world` runs the processes, `proxy` stands
between them, `clients` follow the views, `proof` compares what they hold, `table` prints it.
"""
