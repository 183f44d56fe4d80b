"""The Python example of `docs/client.md` does what the text says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.processes import ROOT, Process
from tests.support.scripted_stream import Connection, ScriptedStream
from viewstream.protocol import Base, Column

COLUMNS = [Column("user", "text"), Column("count", "int8")]


def test_the_example_prints_the_changes(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "client.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)

    def play(connection: Connection) -> None:
        assert connection.views == ["top10", "counter"]
        connection.send(Base("top10", "1-u1", 10, COLUMNS, [("Alice", "12")]))

    with ScriptedStream() as server:
        server.on_open = play
        program = tmp_path / "example.py"
        program.write_text(example.replace("http://127.0.0.1:8888", server.url))
        command = [sys.executable, "-u", str(program)]
        with Process(command, stdout=subprocess.PIPE, env={"PYTHONPATH": str(ROOT)}) as process:
            assert process.popen.stdout is not None
            rows = "[{'user': 'Alice', 'count': 12}]"
            assert process.popen.stdout.readline().decode() == f"{rows} []\n"
            assert process.popen.stdout.readline().decode() == f"{rows}\n"
