"""Tutorials as notebooks: made with the site, with the outputs of the pages.

Nothing runs here. The tests run the examples and commands of the pages and compare the outputs.
"""

import ast
import doctest
import json
import posixpath
import re
from collections.abc import Iterator
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

FOLDER = "tutorials/"

Cell = dict[str, Any]

_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]*?) -->\n)?^```(?P<language>python|console)\n"
    r"(?P<body>.*?)^```\n"
    r"(?:<!-- output of: nasasr [^\n]*? -->\n```text\n(?P<output>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"\[(?P<text>[^]]+)\]\((?P<path>[^):#]+\.md)[^)]*\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the notebook of each tutorial that has something to run."""
    for file in files.documentation_pages():
        if file.src_uri.startswith(FOLDER) and (found := notebook(file.content_string)):
            text = json.dumps(found, indent=1, ensure_ascii=False)
            files.append(File.generated(config, _name(file.src_uri), content=f"{text}\n"))
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, config: MkDocsConfig) -> str:  # noqa: ARG001
    """Link the notebook below the title of its page."""
    name = _name(page.file.src_uri)
    if files.get_file_from_path(name) is None:
        return markdown
    title, rest = markdown.split("\n", 1)
    link = f"[Download as a notebook]({posixpath.basename(name)}){{ download }}"
    return f"{title}\n\n{link}\n{rest}"


def _name(page: str) -> str:
    return f"{page.removesuffix('.md')}.ipynb"


def notebook(page: str) -> Cell | None:
    """The notebook of a page, in version 4.5 of the format; None if it has nothing to run."""
    cells = list(_cells(page))
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    if not code:
        return None
    for number, cell in enumerate(cells, start=1):
        cell |= {"id": f"cell-{number}", "metadata": {}}
    for number, cell in enumerate(code, start=1):
        cell["execution_count"] = number
        for output in cell["outputs"]:
            if output["output_type"] == "execute_result":
                output["execution_count"] = number
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _cells(page: str) -> Iterator[Cell]:
    end = 0
    for match in _BLOCK.finditer(page):
        if match["reason"]:
            continue  # stays text
        yield from _text_cells(page[end : match.start()])
        make = _python_cells if match["language"] == "python" else _command_cells
        yield from make(match["body"], match["output"])
        end = match.end()
    yield from _text_cells(page[end:])


def _text_cells(text: str) -> Iterator[Cell]:
    """Text, where links to other pages name their file: a notebook stands alone."""
    plain = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    linked = _LINK.sub(_named, plain)
    if linked.strip():
        yield {"cell_type": "markdown", "source": linked.strip()}


def _named(link: re.Match[str]) -> str:
    return f"{link['text']} (`{posixpath.normpath(f'docs/{FOLDER}' + link['path'])}`)"


def _command_cells(body: str, output: str | None) -> Iterator[Cell]:
    commands = [f"!{line[2:]}" for line in body.splitlines() if line.startswith("$ ")]
    yield _code("\n".join(commands), [_printed(output)] if output else [])


def _python_cells(body: str, _: str | None) -> Iterator[Cell]:
    """A cell up to each example that shows something, and one for the rest."""
    sources: list[str] = []
    for example in doctest.DocTestParser().get_examples(body):
        sources.append(example.source)
        if example.want:
            yield _code("".join(sources).rstrip(), [_shown(example)])
            sources = []
    if sources:
        yield _code("".join(sources).rstrip(), [])


def _shown(example: doctest.Example) -> Cell:
    """The output of an example: the value of its last line, or what it printed."""
    last = ast.parse(example.source).body[-1]
    if not isinstance(last, ast.Expr) or ast.unparse(last).startswith("print("):
        return _printed(example.want)
    data = {"text/plain": example.want.rstrip("\n")}
    return {"output_type": "execute_result", "data": data, "metadata": {}}


def _printed(text: str) -> Cell:
    return {"output_type": "stream", "name": "stdout", "text": text}


def _code(source: str, outputs: list[Cell]) -> Cell:
    return {"cell_type": "code", "source": source, "outputs": outputs}
