"""A session's transaction: its state, its writes, and the one time of all its reads.

| status | begun by | ended by |
|---|---|---|
| idle | | |
| implicit | a statement outside of a block | the end of that message, or Sync |
| block | BEGIN | COMMIT, ROLLBACK |
| failed | an error in a block | COMMIT and ROLLBACK, which both undo; ROLLBACK TO a savepoint |

A transaction either reads or writes: it writes when it ends, all at one time. A TAIL must be its
only read. (Materialize's rules, except that constants and the system's relations may always be
read.)
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

from engine.coordinator import Coordinator, CopiedRows, ReadTransaction, Write
from engine.errors import SqlError
from engine.pgwire.backend import TransactionStatus
from engine.zset import Value


class _Use(enum.Enum):
    NONE = enum.auto()
    READ = enum.auto()
    TAIL = enum.auto()
    WRITE = enum.auto()


class Transaction:
    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator
        self._use = _Use.NONE
        self._verb = "TAIL"
        self._read: ReadTransaction | None = None
        self._writes: list[tuple[Write | CopiedRows, Sequence[Value]]] = []
        self._savepoints: list[tuple[str, int]] = []
        """Each with the number of writes that came before it."""
        self.in_block = False
        self.failed = False

    @property
    def status(self) -> TransactionStatus:
        if self.failed:
            return "E"
        return "T" if self.in_block else "I"

    def begin(self) -> None:
        """Open a block; what an implicit transaction has done so far belongs to it."""
        self.in_block = True

    def fail(self) -> None:
        """An error has happened: undo; a block stays, and accepts only COMMIT and ROLLBACK."""
        self.failed = self.in_block
        if not self.in_block:
            self._forget()

    def read(self, inputs: Sequence[str]) -> ReadTransaction | None:
        """The time to read relations at, for a SELECT; raises SqlError if it may not read."""
        if not inputs:
            return self._shared_read() if self.in_block else None
        if all(map(_is_system, inputs)):
            return self._shared_read()
        if self._use is _Use.TAIL:
            raise _not_alone(self._verb)
        if self._use is _Use.WRITE:
            raise SqlError("transaction in write-only mode", "25006")
        self._use = _Use.READ
        return self._shared_read()

    def _shared_read(self) -> ReadTransaction:
        if self._read is None:
            self._read = self._coordinator.begin_read()
        return self._read

    def tail(self, verb: str) -> None:
        """Note that a TAIL or SUBSCRIBE begins; raises SqlError if it may not."""
        if self._use is _Use.WRITE:
            raise SqlError("transaction in write-only mode", "25006")
        if self._use is not _Use.NONE:
            raise _not_alone(verb)
        self._use, self._verb = _Use.TAIL, verb

    def check_writable(self) -> None:
        """Raise SqlError if the transaction has read."""
        if self._use not in (_Use.NONE, _Use.WRITE):
            raise SqlError("transaction in read-only mode", "25006")

    def write(self, write: Write | CopiedRows, parameters: Sequence[Value]) -> None:
        """Keep a write until the end; raises SqlError if the transaction has read."""
        self.check_writable()
        self._use = _Use.WRITE
        self._writes.append((write, parameters))

    def savepoint(self, name: str) -> None:
        """Set a savepoint; raises SqlError outside of a block."""
        if not self.in_block:
            raise SqlError("SAVEPOINT can only be used in transaction blocks", "25P01")
        self._savepoints.append((name, len(self._writes)))

    def roll_back_to(self, name: str) -> None:
        """Drop the writes since the savepoint, and clear an error; raises SqlError."""
        index = self._find_savepoint(name)
        del self._writes[self._savepoints[index][1] :]
        del self._savepoints[index + 1 :]
        self.failed = False

    def release(self, name: str) -> None:
        """Forget the savepoint and those after it; raises SqlError."""
        del self._savepoints[self._find_savepoint(name) :]

    def _find_savepoint(self, name: str) -> int:
        for index in range(len(self._savepoints) - 1, -1, -1):
            if self._savepoints[index][0] == name:
                return index
        raise SqlError(f'savepoint "{name}" does not exist', "3B001")

    @property
    def has_writes(self) -> bool:
        return bool(self._writes)

    async def commit(self) -> None:
        """Carry out the writes, and end; raises SqlError (then nothing was written)."""
        writes = self._writes
        self._end()
        if writes:
            await self._coordinator.write(writes)

    def rollback(self) -> None:
        self._end()

    def _end(self) -> None:
        self._forget()
        self.in_block = self.failed = False

    def _forget(self) -> None:
        if self._read is not None:
            self._read.close()
        self._read, self._writes, self._use = None, [], _Use.NONE
        self._savepoints = []


def _not_alone(verb: str) -> SqlError:
    return SqlError(f"{verb} in transactions must be the only read statement", "25000")


def _is_system(relation_id: str) -> bool:
    return relation_id.startswith("s")
