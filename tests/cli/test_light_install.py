"""A light installation makes forecasts; other commands name the missing extra."""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

from surrogate.cli.app import app

ROOT = Path(__file__).parents[2]

# One process runs all commands of a list, as if the packages of an extra were not installed. A
# process per command would spend most of its time on imports.
PROGRAM = """
import contextlib, io, json, sys
absent, calls = json.loads(sys.stdin.read())
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from surrogate.cli import main
results = []
for arguments in calls:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as e:
            code = e.code
    results.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(results))
"""


class Done(NamedTuple):
    code: int
    out: str
    err: str


Command = tuple[str, ...]


def run_without(modules: set[str], commands: list[Command]) -> dict[Command, Done]:
    """Each command's result in a process that has none of these modules."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        input=json.dumps([sorted(modules), commands]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {c: Done(*found) for c, found in zip(commands, json.loads(done.stdout), strict=True)}


def modules_of_extras() -> set[str]:
    """What the extras bring and the core does not, of what is installed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]

    def names(lines: list[str]) -> set[str]:
        return {re.split(r"[<>=; \[]", line)[0].lower().replace("_", "-") for line in lines}

    wanted = set.union(*(names(lines) for name, lines in extras.items() if name != "dev"))
    wanted -= names(project["dependencies"]) | {project["name"]}
    return {
        module
        for module, distributions in packages_distributions().items()
        if {name.lower().replace("_", "-") for name in distributions} & wanted
    }


def every_help() -> list[Command]:
    """`--help` of the program, of each group and of each command."""

    def below(command: object, words: Command) -> list[Command]:
        found = [(*words, "--help")]
        for name, one in getattr(command, "commands", {}).items():
            found += below(one, (*words, name))
        return found

    return below(typer.main.get_command(app), ())


# Also without two packages of the core, which only fits and statistics need.
FEW = {"torch", "torchaudio", "soundfile", "onnxruntime", "optuna"}
FEW |= {"plotly", "xgboost", "lightgbm", "scipy", "ray"}

NEEDING_MORE: list[Command] = [
    ("collect", "synth-micro", "--corpus", "nowhere", "--out", "nowhere-else"),
    ("corpus", "check", "nowhere"),
    ("corpus", "make", "synth-micro", "--out", "nowhere"),
    ("demo", "--out", "nowhere"),
    ("tune", "xgb", "--out", "nowhere"),
]
NEEDING_FEW: list[Command] = [
    ("predict", "10_100_1000"),
    ("cell", "10_100_1000"),
    ("table", "info"),
    ("table", "verify", "synth-micro"),
    ("benchmark", "--help"),
]
HELP = every_help()


@pytest.fixture(scope="module")
def with_few() -> dict[Command, Done]:
    return run_without(FEW, NEEDING_MORE + NEEDING_FEW)


@pytest.mark.parametrize("command", NEEDING_MORE, ids=" ".join)
def test_commands_that_need_more_name_the_extra(
    with_few: dict[Command, Done], command: Command
) -> None:
    done = with_few[command]
    assert done.code == 2, done.err
    assert "which is not installed; install it with: pip install 'nasasr[" in done.err
    assert "Traceback" not in done.err
    assert not (ROOT / "nowhere").exists()


@pytest.mark.parametrize("command", NEEDING_FEW, ids=" ".join)
def test_commands_that_need_no_more_work(with_few: dict[Command, Done], command: Command) -> None:
    done = with_few[command]
    assert done.code == 0, done.err
    assert done.out


def test_campaigns_and_tables_are_read_without_any_extra(tmp_path: Path) -> None:
    extras = modules_of_extras()
    assert "numpy" not in extras and "surrogate" not in extras
    campaign, table = "campaigns/synth-micro", str(tmp_path / "table")
    sweep, timed = "campaigns/latency-timit-micro", str(tmp_path / "timed")
    commands: list[Command] = [
        ("collect", "status", campaign),
        ("table", "build", campaign, "--out", table),
        ("table", "info", table),
        ("table", "noise", "timit-micro"),
        ("table", "verify", table),
        ("table", "export", table, "--out", str(tmp_path / "table.csv")),
        ("table", "attach-latency", table, sweep, "--out", timed),
        ("table", "verify", "synth-micro", "--campaign", "synth-micro"),
        ("configs",),
        *HELP,
    ]
    results = run_without(extras, commands)
    expected = dict.fromkeys(commands, 0)
    found = {command: done.code for command, done in results.items()}
    assert found == expected, {c: d.err for c, d in results.items() if d.code}
    assert all(results[command].out.startswith("Usage: nasasr") for command in HELP)
    assert {("--help",), ("collect", "--help"), ("collect", "status", "--help")} <= set(HELP)
