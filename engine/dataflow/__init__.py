"""Incremental operators on Z-sets, and the dataflow that wires them; knows nothing of SQL."""

from engine.dataflow.dataflow import Dataflow, ErrorChange, Node, Operator, add_errors

__all__ = ["Dataflow", "ErrorChange", "Node", "Operator", "add_errors"]
