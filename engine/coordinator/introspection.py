"""The rows of the relations about dataflows: operators, their channels, the rows they keep.

Names and columns are those of v0.26, whose operators are timely's. Beside a dataflow's operators
there is one for each input (`Get ..`) and one for the rows of the result (`Arrange ..`). As there,
a channel names its two ends by their numbers within the dataflow, which is the channel's address;
an operator's address is that of its dataflow and this number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from engine.coordinator.maintained import Maintained
from engine.coordinator.runtime import Runtime
from engine.zset import Row

WORKER = 0


@dataclass(frozen=True)
class _Ids:
    """The ids of a dataflow, of its inputs by their ids, of its operators, of its result, and of
    its channels."""

    dataflow: int
    inputs: dict[int | str, int]
    operators: list[int]
    result: int
    channels: list[int]

    @property
    def numbers(self) -> dict[int, int]:
        """The number of each operator within the dataflow."""
        return {
            id: number for number, id in enumerate([*self.inputs.values(), *self.operators], 1)
        } | {self.result: len(self.inputs) + len(self.operators) + 1}


class Introspection:
    """Lists the dataflows that run. An operator's id never changes."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._ids: WeakKeyDictionary[Maintained, _Ids] = WeakKeyDictionary()
        self._listed: tuple[frozenset[Maintained], int] | None = None
        """The dataflows that are listed, and the version of the catalog that names them."""

    def refresh(self) -> None:
        """Replace the rows of all relations about dataflows."""
        running = sorted(self._running(), key=lambda member: self._ids[member].dataflow)
        listed = (frozenset(running), self._runtime.catalog.version)
        if listed != self._listed:
            self._listed = listed
            self._list_operators(running)
        replace = self._runtime.system.replace
        replace("mz_message_counts", [row for member in running for row in self._messages(member)])
        replace(
            "mz_records_per_dataflow_operator",
            [row for member in running for row in self._operator_records(member)],
        )
        replace(
            "mz_records_per_dataflow",
            [
                (self._ids[member].dataflow, self._name(member), WORKER, member.rows_kept)
                for member in running
            ],
        )

    def _running(self) -> Iterator[Maintained]:
        for member in {*self._runtime.collections.values(), *self._runtime.graph.members}:
            if isinstance(member, Maintained) and member.flow is not None:
                if member not in self._ids:
                    new = self._runtime.new_number
                    inputs: dict[int | str, int] = {id: new() for id in member.inputs}
                    operators = [new() for _ in member.flow.nodes]
                    channels = [new() for node in member.flow.nodes for _ in node.inputs]
                    self._ids[member] = _Ids(new(), inputs, operators, new(), [*channels, new()])
                yield member

    def _list_operators(self, running: list[Maintained]) -> None:
        """Replace the rows that change with the dataflows only."""
        operators: list[Row] = []
        dataflows: list[Row] = []
        channels: list[Row] = []
        addresses: list[Row] = []
        for member in running:
            ids, name = self._ids[member], self._name(member)
            numbers = ids.numbers
            for id, operator, _ in self._operators(member):
                operators.append((id, WORKER, operator))
                dataflows.append((id, operator, WORKER, ids.dataflow, name))
                addresses.append((id, WORKER, (ids.dataflow, numbers[id])))
            for id, (source, target, port) in zip(
                ids.channels, self._connections(member), strict=True
            ):
                channels.append((id, WORKER, numbers[source], 0, numbers[target], port))
                addresses.append((id, WORKER, (ids.dataflow,)))
        replace = self._runtime.system.replace
        replace("mz_dataflow_operator_addresses", addresses)
        replace("mz_dataflow_operators", operators)
        replace("mz_dataflow_operator_dataflows", dataflows)
        replace("mz_dataflow_channels", channels)

    def _name(self, member: Maintained) -> str:
        catalog = self._runtime.catalog
        full_name = catalog[member.id].full_name if member.id in catalog else member.name
        return f"Dataflow: {full_name}"

    def _operators(self, member: Maintained) -> Iterator[tuple[int, str, int]]:
        """The id and the name of each operator, and how many rows it keeps."""
        assert member.flow is not None
        ids = self._ids[member]
        for input, collection in member.inputs.items():
            yield ids.inputs[input], f"Get {collection.name}", 0
        for id, node in zip(ids.operators, member.flow.nodes, strict=True):
            yield id, node.operator.name, node.operator.rows_kept
        yield ids.result, f"Arrange {member.name}", len(member.history.contents)

    def _connections(self, member: Maintained) -> Iterator[tuple[int, int, int]]:
        """The two operators of each connection, and the number of the input that it is."""
        assert member.flow is not None
        ids = self._ids[member]

        def id_of(source: int | str) -> int:
            return ids.operators[source] if isinstance(source, int) else ids.inputs[source]

        for id, node in zip(ids.operators, member.flow.nodes, strict=True):
            for port, source in enumerate(node.inputs):
                yield id_of(source), id, port
        yield id_of(member.flow.output), ids.result, 0

    def _messages(self, member: Maintained) -> Iterator[Row]:
        """As in Materialize, channels that no row has passed are not listed."""
        assert member.flow is not None
        flow = member.flow
        received = [count for counts in flow.received for count in counts]
        for id, count in zip(self._ids[member].channels, [*received, flow.emitted], strict=True):
            if count:
                yield id, WORKER, WORKER, count, count

    def _operator_records(self, member: Maintained) -> Iterator[Row]:
        """As in Materialize, operators that keep no rows are not listed."""
        dataflow = self._ids[member].dataflow
        for id, name, records in self._operators(member):
            if records:
                yield id, name, WORKER, dataflow, records
