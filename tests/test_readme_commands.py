"""What README.md, CONTRIBUTING.md and docs/ say to type does what they say."""

import argparse
import doctest
import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from surrogate.cli.app import app, main

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
assert README.is_file(), "README.md is missing: its commands are the way in, and are tested here"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

# Why a block is not run here. That its commands and their options exist is tested all the same.
NOT_RUN = {
    "takes minutes",
    "needs the TIMIT sample",
    "needs pandas",
    "needs its tool, see `make plugins`",
    "needs the prompts of Asterisk",
    "needs LibriSpeech",
    "needs LDC93S1 and a GPU",
}

# Blocks that only `make slow` and `make check` run: page, and how the block begins.
SLOW = {
    ("docs/explanation/curves.md", ">>> import numpy"),
    ("docs/explanation/latency.md", "$ nasasr latency"),
}

# Fences that show and do not tell to type: a command in any other language would escape the test.
SHOWN = {"json", "text", "toml"}

_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]*?) -->\n)?^```(?P<language>\w+)\n(?P<body>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
_MENTION = re.compile(r"`(nasasr [^`\n]+)`")


class Block(NamedTuple):
    page: str
    language: str
    body: str
    reason: str | None


def blocks_of(page: Path) -> list[Block]:
    return [
        Block(str(page.relative_to(ROOT)), match["language"], match["body"], match["reason"])
        for match in _BLOCK.finditer(page.read_text())
    ]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
MENTIONS = sorted({found for page in PAGES for found in _MENTION.findall(page.read_text())})


def block_name(block: Block) -> str:
    return f"{block.page}: {block.body.splitlines()[0]}"


def marks_of(block: Block) -> list[pytest.MarkDecorator]:
    if block.reason:
        return [pytest.mark.skip(block.reason)]
    slow = any(block.page == page and block.body.startswith(start) for page, start in SLOW)
    return [pytest.mark.slow] if slow else []


def in_language(language: str) -> list[object]:
    """One test parameter for each block; those not to be run are skips that say why."""
    return [
        pytest.param(
            block,
            id=block_name(block),
            marks=marks_of(block),
        )
        for block in BLOCKS
        if block.language == language
    ]


def commands_of(block: Block) -> list[str]:
    return [line[2:] for line in block.body.splitlines() if line.startswith("$ ")]


def test_the_readme_has_its_two_commands_and_examples() -> None:
    commands = [c for b in BLOCKS if b.page == "README.md" for c in commands_of(b)]
    assert "make predict CELL=01_111_2111" in commands
    assert "make test" in commands
    assert any(b.page == "README.md" and b.language == "python" for b in BLOCKS)


def test_blocks_are_of_known_languages_and_left_out_for_known_reasons() -> None:
    assert {block.language for block in BLOCKS} <= {"console", "python", *SHOWN}
    assert {block.reason for block in BLOCKS if block.reason is not None} == NOT_RUN
    for page, start in SLOW:
        assert any(block.page == page and block.body.startswith(start) for block in BLOCKS)


@pytest.mark.parametrize("block", in_language("python"))
def test_python_examples_run(block: Block) -> None:
    test = doctest.DocTestParser().get_doctest(block.body, {}, block.page, block.page, 0)
    assert test.examples, f"{block.page}: a python block has no >>> line"
    runner = doctest.DocTestRunner(
        # What fails after the first failure mostly fails because of it.
        optionflags=doctest.ELLIPSIS
        | doctest.NORMALIZE_WHITESPACE
        | doctest.REPORT_ONLY_FIRST_FAILURE
    )
    assert runner.run(test).failed == 0


@pytest.mark.parametrize("block", in_language("console"))
def test_console_examples_run(
    block: Block,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process: a new one for each would spend most of its time on imports."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    # Its workers are processes that import the checkout.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for command in commands_of(block):
        words = shlex.split(command, comments=True)
        if words[0] == "nasasr":
            with pytest.raises(SystemExit) as ended:
                main(words[1:])
            assert ended.value.code == 0, f"{command}\n{capsys.readouterr().err}"


def test_the_program_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "surrogate.cli", "predict", "10_100_1000"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "val_per" in done.stdout


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "console"], ids=block_name)
def test_console_blocks_name_programs_targets_and_commands_that_exist(block: Block) -> None:
    """Also for the blocks that are not run."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = commands_of(block)
    assert commands, f"{block.page}: a console block has no '$ ' line"
    for command in commands:
        words = shlex.split(command, comments=True)
        known = {"make", "nasasr", "python"}
        assert words[0] in known, f"{block.page}: nothing here runs {command!r}"
        if words[0] == "python":
            files = [word for word in words[1:] if word.endswith(".py")]
            assert files, f"{block.page}: {command!r} names no script"
            assert all((ROOT / file).is_file() for file in files), command
        if words[0] == "make":
            assert words[1] in targets, f"{block.page}: {command!r} is no target of the Makefile"
        if words[0] == "nasasr":
            assert read_by_the_program(words[1:]) == 0, f"{block.page}: {command!r}"


class _ArgumentsReadError(Exception):
    """A script has read its arguments."""


SCRIPT_COMMANDS = sorted(
    {
        command.partition("  #")[0]
        for page in PAGES
        for command in re.findall(r"(?:^\$ |`)(python [^`\n]+)", page.read_text(), re.MULTILINE)
        if " studies/" in command
    }
)


@pytest.mark.parametrize("command", SCRIPT_COMMANDS)
def test_scripts_have_the_options_that_are_shown(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")
    read = argparse.ArgumentParser.parse_args

    def read_only(parser: argparse.ArgumentParser, *arguments: Any, **options: Any) -> Any:
        read(parser, *arguments, **options)
        raise _ArgumentsReadError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", read_only)
    monkeypatch.setattr(sys, "argv", shlex.split(command)[1:])
    monkeypatch.setattr(sys, "path", list(sys.path))
    with pytest.raises(_ArgumentsReadError):
        runpy.run_path(str(ROOT / sys.argv[0]), run_name="__main__")


def read_by_the_program(arguments: list[str]) -> int:
    """The exit code of a command line that is read and not run: 2 if something in it is wrong."""
    program = typer.main.get_command(app)
    for command in leaves(program):
        command.callback = None
    with pytest.raises(SystemExit) as ended:
        program.main(args=arguments, prog_name="nasasr")
    assert isinstance(ended.value.code, int)
    return ended.value.code


def leaves(command: Any) -> list[Any]:
    """The commands that do something, below one."""
    below = getattr(command, "commands", None)
    return [command] if below is None else [leaf for c in below.values() for leaf in leaves(c)]


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("colect nowhere.toml --no-such-option", "No such command 'colect'"),
        ("predict 10_100_1000 --no-such-option", "No such option: --no-such-option"),
        ("collect my.toml --corpus timit --out runs/mine --worker 2", "No such option: --worker"),
        ("collect my.toml --out runs/mine", "Missing option '--corpus'"),
        ("predict 10_100_1000 --format yaml", "Invalid value for '--format'"),
    ],
)
def test_a_command_that_the_program_does_not_have_is_seen(
    command: str, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read_by_the_program(command.split()) == 2
    assert part in capsys.readouterr().err


@pytest.mark.parametrize("mention", MENTIONS)
def test_commands_named_in_the_text_exist(mention: str) -> None:
    """Also those that are named without all that they need."""
    command: Any = typer.main.get_command(app)
    for word in shlex.split(mention)[1:]:
        if word.startswith("-"):
            known = [name for p in command.params for name in (*p.opts, *p.secondary_opts)]
            assert word in known, f"{mention!r}: {command.name} has the options {known}"
        elif hasattr(command, "commands"):
            # `collect CONFIG` and `latency CONFIG` are short for their command `run`.
            command = command.commands.get(word) or command.commands.get("run")
            assert command is not None, f"{mention!r}: there is no command {word!r}"
