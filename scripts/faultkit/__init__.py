"""Injects faults into the whole pipeline, and proves after each that all clients are exact.

`schedule` draws the faults and `faults` injects them; `world` runs the processes (`service`), with
`proxy` between them; `clients` follow the views, `proof` compares their rows, `table` prints it.
"""
