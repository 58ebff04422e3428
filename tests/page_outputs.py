"""Outputs of commands in pages: checked by the tests, and renewed by `make outputs`.

A block of text after a comment `<!-- output of: nasasr ... -->` is what the command prints.
"""

import contextlib
import io
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from surrogate.cli.app import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OUTPUT = re.compile(
    r"<!-- output of: nasasr (?P<command>[^\n]+?) -->\n```text\n(?P<text>.*?)```", re.DOTALL
)


def output_of(arguments: Sequence[str]) -> str:
    """What a command prints on a screen that is no terminal."""
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.suppress(SystemExit):
        main(list(arguments))
    return stdout.getvalue()


def renewed(text: str) -> str:
    """The text of a page with the outputs of today."""
    return OUTPUT.sub(
        lambda match: (
            f"<!-- output of: nasasr {match['command']} -->\n"
            f"```text\n{output_of(shlex.split(match['command']))}```"
        ),
        text,
    )


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
