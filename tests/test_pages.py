"""What pages print is what commands print, and sentences for newcomers are short."""

import re
import shlex
from pathlib import Path

import pytest

from tests.page_outputs import OUTPUT, PAGES, output_of

ROOT = Path(__file__).parents[1]
FOR_NEWCOMERS = [
    *PAGES[:1],
    ROOT / "docs/index.md",
    *sorted((ROOT / "docs/tutorials").glob("*.md")),
]
MOST_WORDS = 40

SHOWN = [
    pytest.param(match["command"], match["text"], id=f"{page.name}: {match['command']}")
    for page in PAGES
    for match in OUTPUT.finditer(page.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize(("command", "text"), SHOWN)
def test_outputs_in_pages_are_those_of_the_commands(command: str, text: str) -> None:
    assert output_of(shlex.split(command)) == text, "run `make outputs` to renew the pages"


def sentences(page: Path) -> list[str]:
    """The sentences of a page's paragraphs, lists and tables, without code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    blocks = re.split(r"\n\s*\n|\n(?=[-*#|>\d])|(?<=\|)", text)
    return [one for block in blocks for one in re.split(r"(?<=[.!?:;])\s+", block.strip())]


def test_the_accuracies_of_the_readme_are_those_of_the_results() -> None:
    results = (ROOT / "docs/results/results.md").read_text(encoding="utf-8")
    section = results.partition("### Functions like those of the fit")[2].partition("###")[0]
    measured = re.findall(r"\| [\d,]+ \| stack \| (0\.\d+) ", section)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    row = next(line for line in readme.splitlines() if line.startswith("| tau, real speech"))
    assert re.findall(r"\.\d\d", row)[:4] == [f"{float(tau):.2f}"[1:] for tau in measured]


@pytest.mark.parametrize("page", FOR_NEWCOMERS, ids=lambda page: page.name)
def test_no_sentence_for_newcomers_is_long(page: Path) -> None:
    long = [one for one in sentences(page) if len(one.split()) > MOST_WORDS]
    assert long == []
