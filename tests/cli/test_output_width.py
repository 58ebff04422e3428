"""What people read fits the width of a terminal, and is all there."""

import pytest

from surrogate.cli.output import LINE_WIDTH, write_table
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    "command", ["table info timit-micro", "space", "cell 01_111_2111", "table noise timit-micro"]
)
def test_lines_fit(run: Run, command: str) -> None:
    code, out, _ = run(*command.split())
    assert code == 0
    assert max(map(len, out.splitlines())) <= LINE_WIDTH


def test_every_command_is_described_in_a_line(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    commands = out.partition("Commands:")[2].strip().splitlines()
    assert len(commands) >= 14
    assert all(line.endswith(".") and not line.endswith("...") for line in commands)


def test_wrapping_keeps_all_words_under_their_column(capsys: pytest.CaptureFixture[str]) -> None:
    text = " ".join(f"word{i}" for i in range(60))
    write_table([{"name": "long", "value": text}, {"name": "b", "value": "short"}])
    header, *lines = capsys.readouterr().out.splitlines()
    assert " ".join(" ".join(lines[:-1]).split()) == f"long {text}"
    assert {line[:6] for line in lines[1:-1]} == {" " * 6}
    assert lines[-1] == "b     short"
    assert header == "name  value"
