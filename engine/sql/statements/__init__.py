"""The statements that the engine understands, as plain data.

`engine.sql.parser` makes them from text. A `Name` has one to three parts, folded to lower case
unless it was quoted. Statements that change the catalog carry their own text (`sql`, without what
surrounds it), which `SHOW CREATE` prints and from which they can be parsed again.
"""

from typing import TypeAlias

from engine.sql.statements.control import (
    Begin,
    Close,
    Commit,
    Control,
    Deallocate,
    Declare,
    Discard,
    Execute,
    Fetch,
    Nothing,
    Prepare,
    Release,
    ResetVariable,
    Rollback,
    RollbackTo,
    Savepoint,
    SetVariable,
)
from engine.sql.statements.copies import Copy, CopyFormat, CopyFrom
from engine.sql.statements.definitions import (
    BytesFormat,
    ColumnDefinition,
    CreateIndex,
    CreateSchema,
    CreateSource,
    CreateTable,
    CreateView,
    CsvFormat,
    DdlStatement,
    Drop,
    Format,
    JsonFormat,
    RegexFormat,
    Rename,
    TextFormat,
)
from engine.sql.statements.names import (
    Name,
)
from engine.sql.statements.reads import (
    Explain,
    Read,
    Select,
    ShowCreate,
    ShowParts,
    ShowVariable,
    Tail,
)
from engine.sql.statements.writes import (
    Delete,
    Insert,
    Update,
    WriteStatement,
)

Statement: TypeAlias = DdlStatement | WriteStatement | Read | Copy | CopyFrom | Control

__all__ = [
    "Begin",
    "BytesFormat",
    "Close",
    "ColumnDefinition",
    "Commit",
    "Control",
    "Copy",
    "CopyFormat",
    "CopyFrom",
    "CreateIndex",
    "CreateSchema",
    "CreateSource",
    "CreateTable",
    "CreateView",
    "CsvFormat",
    "DdlStatement",
    "Deallocate",
    "Declare",
    "Delete",
    "Discard",
    "Drop",
    "Execute",
    "Explain",
    "Fetch",
    "Format",
    "Insert",
    "JsonFormat",
    "Name",
    "Nothing",
    "Prepare",
    "Read",
    "RegexFormat",
    "Release",
    "Rename",
    "ResetVariable",
    "Rollback",
    "RollbackTo",
    "Savepoint",
    "Select",
    "SetVariable",
    "ShowCreate",
    "ShowParts",
    "ShowVariable",
    "Statement",
    "Tail",
    "TextFormat",
    "Update",
    "WriteStatement",
]
