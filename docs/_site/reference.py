"""Pages that `make docs` generates from the code: every command, every public module and name."""

import html
import importlib
import inspect
from pathlib import Path
from typing import Any

import mkdocs_gen_files
import typer

from surrogate.cli.app import app

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "graph_encoding": "Cells as graphs: identity, encodings, cost",
    "train_benchmark": "Ground truth: corpora, trainings, latencies, tables",
    "surrogate": "Predictors, forecasts, comparison, search",
}
COMMANDS = "reference/commands.md"
PYTHON = "reference/python"


def write(path: str, text: str) -> None:
    """Add a page that exists in the built site only."""
    with mkdocs_gen_files.open(path, "w") as file:
        file.write(text)


def commands() -> str:
    """The page of all commands, in the order of `nasasr --help`."""
    program = typer.main.get_command(app)
    parts = ["# Commands", "`nasasr COMMAND --help` prints the same.", ""]
    parts += [part for sub in program.commands.values() for part in command(sub, "nasasr", 2)]
    return "\n".join(parts)


def command(this: Any, parent: str, level: int) -> list[str]:
    """Sections of a command and of those below it.

    Args:
        this: the command, as click knows it.
        parent: what is typed before its name.
        level: level of its heading, >= 1.
    """
    name = f"{parent} {this.name}"
    context = this.make_context(name, [], resilient_parsing=True)
    parts = [f"{'#' * level} `{name}`", "", inspect.cleandoc(this.help or ""), ""]
    below = getattr(this, "commands", {})
    if not below:
        parts += ["```text", this.get_usage(context).removeprefix("Usage: "), "```", ""]
    records = [record for p in this.params if (record := p.get_help_record(context))]
    if records and not below:
        parts += ["| argument or option | meaning |", "|---|---|"]
        parts += [f"| {code(option)} | {cell_text(text)} |" for option, text in records]
        parts.append("")
    return parts + [part for sub in below.values() for part in command(sub, name, level + 1)]


def cell_text(text: str) -> str:
    """Text in one cell of a table."""
    return " ".join(text.replace("|", r"\|").split())


def code(text: str) -> str:
    """Code in one cell of a table: between backticks, the bars of a choice would end the cell."""
    return f"<code>{html.escape(text).replace('|', '&#124;')}</code>"


def rooms(package: str) -> dict[str, list[str]]:
    """The public modules of each folder of a package, by the folder's dotted name."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        module = path.relative_to(ROOT).with_suffix("").parts
        if any(part.startswith("_") for part in module):
            continue
        found.setdefault(".".join(module[:-1]), []).append(".".join(module))
    return found


def room_page(room: str, modules: list[str]) -> str:
    """The page of a folder: what it is for, and all that its modules offer."""
    about = inspect.getdoc(importlib.import_module(room)) or ""
    parts = [f"# `{room}`", "", about, ""]
    for module in modules:
        parts += [f"## `{module.rpartition('.')[2]}`", "", f"::: {module}"]
        parts += ["    options:", "      heading_level: 3", ""]
    return "\n".join(parts)


def python() -> None:
    """A page for each folder of modules, and one that lists the names of the packages."""
    nav, index = ["- [Overview](index.md)"], ["# Python", ""]
    for package, about in PACKAGES.items():
        nav.append(f"- {package}")
        exported = importlib.import_module(package)
        index += [f"## `{package}`", f"{about}.", ""]
        names = [name for name in getattr(exported, "__all__", ()) if name[0] != "_"]
        index += [*(f"- {link(exported, name)}" for name in names), ""]
        for room, modules in rooms(package).items():
            write(f"{PYTHON}/{room}.md", room_page(room, modules))
            nav.append(f"    - [{room}]({room}.md)")
    write(f"{PYTHON}/index.md", "\n".join(index))
    write(f"{PYTHON}/SUMMARY.md", "\n".join(nav) + "\n")


def link(package: Any, name: str) -> str:
    """A reference to where an exported name is defined."""
    value = getattr(package, name)
    home = value.__module__ if hasattr(value, "__qualname__") else home_of(package, name)
    return f"[`{name}`][{home}.{name}]"


def home_of(package: Any, name: str) -> str:
    """The module that defines a value that does not know it itself, such as a constant."""
    value = getattr(package, name)
    for modules in rooms(package.__name__).values():
        for module in modules:
            source = (ROOT / Path(*module.split("."))).with_suffix(".py").read_text("utf-8")
            defines = f"\n{name} = " in source or f"\n{name}: " in source
            if defines and getattr(importlib.import_module(module), name) is value:
                return module
    raise AssertionError(f"no module of {package.__name__} defines {name}")


write(COMMANDS, commands())
python()
