"""What the site makes of tutorials: notebooks that run in order, and examples to copy."""

import ast
import contextlib
import doctest
import importlib.util
import io
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mkdocs", reason="notebooks are made with the site: the extra 'docs'")

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs/tutorials").glob("*.md"))


def module_of(name: str) -> Any:
    """A module that the site is built with."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/_site/{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NOTEBOOK_OF = module_of("notebooks").notebook
NOTEBOOKS = {page.stem: found for page in PAGES if (found := NOTEBOOK_OF(page.read_text("utf-8")))}


def code_cells(name: str) -> list[Any]:
    return [cell for cell in NOTEBOOKS[name]["cells"] if cell["cell_type"] == "code"]


def words(text: str) -> list[str]:
    bare = re.sub(r"\]\([^)]*\)|^```\w*|^(>>>|\.\.\.|\$) ?", "", text, flags=re.MULTILINE)
    return re.findall(r"\w+", bare)


def test_the_tutorials_that_run_something_are_notebooks() -> None:
    assert set(NOTEBOOKS) == {"compare-a-predictor", "first-forecast", "first-search"}


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_has_all_that_its_page_has(name: str) -> None:
    page = (ROOT / f"docs/tutorials/{name}.md").read_text("utf-8")
    shown = [text for cell in NOTEBOOKS[name]["cells"] for text in texts_of(cell)]
    # Without what the form of a page adds: comments, fences, prompts and addresses of links.
    plain = re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL)
    text = re.sub(r" \(`docs/[^`]*`\)", "", "\n".join(shown))
    assert words(text) == words(plain)


def texts_of(cell: Any) -> list[str]:
    outputs = cell.get("outputs", ())
    return [
        cell["source"],
        *(one["text"] if "text" in one else one["data"]["text/plain"] for one in outputs),
    ]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_cells_run_in_order_and_show_their_outputs(name: str) -> None:
    scope: dict[str, Any] = {"__name__": "__main__"}
    ran = 0
    for number, cell in enumerate(code_cells(name), start=1):
        assert cell["execution_count"] == number
        if cell["source"].startswith("!"):
            continue  # a command, whose output tests/test_pages.py compares
        printed, value = run_cell(cell["source"], scope)
        for output in cell["outputs"]:
            if output["output_type"] == "stream":
                assert printed == output["text"]
            else:
                assert repr(value) == output["data"]["text/plain"]
        ran += 1
    assert ran


def run_cell(source: str, scope: dict[str, Any]) -> tuple[str, Any]:
    """What a notebook shows of a cell: what it prints, and the value of its last line."""
    *body, last = ast.parse(source).body
    value = None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        if isinstance(last, ast.Expr):
            exec(compile(ast.Module(body, []), "cell", "exec"), scope)  # noqa: S102
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), scope)  # noqa: S307
        else:
            exec(compile(ast.Module([*body, last], []), "cell", "exec"), scope)  # noqa: S102
    return printed.getvalue(), value


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_the_button_copies_runs(page: Path) -> None:
    """Without prompts and outputs, which the style sheet hides from it, an example is a program."""
    prompts = module_of("prompts").on_page_markdown(page.read_text("utf-8"), None, None, None)
    assert "```python\n>>>" not in prompts
    lexer = importlib.import_module("pygments.lexers").PythonConsoleLexer()
    hidden = {"Token.Generic.Prompt": ".gp", "Token.Generic.Output": ".go"}
    style = (ROOT / "docs/stylesheets/site.css").read_text("utf-8")
    assert f"[data-md-copying] :is({', '.join(hidden.values())})" in style
    for block in re.findall(r"^```pycon\n(.*?)^```", prompts, re.MULTILINE | re.DOTALL):
        copied = "".join(text for kind, text in lexer.get_tokens(block) if str(kind) not in hidden)
        examples = doctest.DocTestParser().get_examples(block)
        assert ast.dump(ast.parse(copied)) == ast.dump(
            ast.parse("".join(example.source for example in examples))
        )
