"""What README.md and docs/ say to type does what they say."""

import doctest
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

# Why a block is not run here: each has a test of its own that does what it shows.
NOT_RUN = {
    "takes minutes",
    "needs the TIMIT sample",
}

_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]*?) -->\n)?^```(?P<language>\w+)\n(?P<body>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    page: str
    language: str
    body: str
    reason: str | None


BLOCKS = [
    Block(page.name, match["language"], match["body"], match["reason"])
    for page in PAGES
    for match in _BLOCK.finditer(page.read_text())
]


def block_name(block: Block) -> str:
    return f"{block.page}: {block.body.splitlines()[0]}"


def test_the_readme_has_its_two_commands_and_examples() -> None:
    commands = [b.body for b in BLOCKS if b.page == "README.md" and b.language == "console"]
    assert any("make predict CELL=10_100_1000" in body for body in commands)
    assert any("make test" in body for body in commands)
    assert any(b.language == "python" for b in BLOCKS)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "python"], ids=block_name)
def test_python_examples_run(block: Block) -> None:
    test = doctest.DocTestParser().get_doctest(block.body, {}, block.page, block.page, 0)
    assert test.examples, f"{block.page}: a python block has no >>> line"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert runner.run(test).failed == 0


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "console"], ids=block_name)
def test_console_examples_run(block: Block, tmp_path: Path) -> None:
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    if block.reason is not None:
        assert block.reason in NOT_RUN
    commands = [line[2:] for line in block.body.splitlines() if line.startswith("$ ")]
    assert commands, f"{block.page}: a console block has no '$ ' line"
    for command in commands:
        words = shlex.split(command, comments=True)
        if words[0] == "make":
            assert words[1] in targets
        elif words[0] == "nasasr" and block.reason is None:
            program = [sys.executable, "-m", "surrogate.cli", *words[1:]]
            result = subprocess.run(
                program,
                cwd=tmp_path,
                env=_environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            assert result.returncode == 0, f"{command}\n{result.stderr}"


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}
