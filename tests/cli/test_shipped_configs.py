"""Shipped configurations have names, and everything that they name is shipped with them."""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding.common.errors import UserError
from surrogate.cli import config_argument
from surrogate.cli.app import app
from surrogate.cli.config_argument import (
    ConfigKind,
    config_path,
    configs_folder,
    shipped_configs,
)
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2]
PACKAGED = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
ALL = [(kind, name) for kind in ConfigKind for name in shipped_configs(kind)]


def in_wheel() -> set[Path]:
    """The configurations that pyproject.toml puts into a wheel, relative to `configs/`."""
    folder = ROOT / PACKAGED["package-dir"]["surrogate.configs"]

    def matches(field: str) -> set[Path]:
        return {p for glob in PACKAGED[field]["surrogate.configs"] for p in folder.glob(glob)}

    found = matches("package-data") - matches("exclude-package-data")
    return {path.relative_to(folder) for path in found}


def files_named_in(value: Any, folder: Path) -> Iterator[Path]:
    """What a configuration names, of texts that look like a file."""
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from files_named_in(one, folder)
    elif isinstance(value, str) and re.fullmatch(r"[\w./-]+\.(toml|txt|json|jsonl)", value):
        yield Path(os.path.normpath(folder / value))


@pytest.mark.parametrize(("kind", "name"), ALL, ids="/".join)
def test_a_name_is_its_file_wherever_one_works(
    kind: ConfigKind, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("")
    assert config_path(kind, name) == ROOT / "configs" / kind / f"{name}.toml"
    assert config_path(kind, f"./{name}") == Path(name)


@given(
    st.sampled_from(list(ConfigKind)),
    st.one_of(st.sampled_from(sorted({name for _, name in ALL})), st.text("ab/-1", min_size=1)),
    st.sampled_from(["", ".toml"]),
)
def test_a_word_is_a_name_a_path_or_an_error_that_lists_the_names(
    kind: ConfigKind, stem: str, suffix: str
) -> None:
    word, shipped = stem + suffix, shipped_configs(kind)
    if word in shipped:
        assert config_path(kind, word) == shipped[word]
    elif "/" in word or suffix:
        assert config_path(kind, word) == Path(word)
    else:
        with pytest.raises(UserError, match="must be a shipped one") as caught:
            config_path(kind, word)
        assert all(name in str(caught.value) for name in shipped)


def test_an_existing_file_is_a_path_whatever_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("")
    assert config_path(ConfigKind.TUNE, "mine") == Path("mine")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="but got 'folder'"):
        config_path(ConfigKind.TUNE, "folder")


def test_an_installed_package_reads_the_folder_inside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert configs_folder() == ROOT / "configs"
    monkeypatch.setattr(config_argument, "_PACKAGE", tmp_path / "surrogate")
    (tmp_path / "surrogate" / "configs" / "tune").mkdir(parents=True)
    (tmp_path / "surrogate" / "configs" / "tune" / "one.toml").write_text("")
    # A folder of that name beside installed packages is somebody else's.
    (tmp_path / "configs" / "tune").mkdir(parents=True)
    (tmp_path / "configs" / "tune" / "other.toml").write_text("")
    assert list(shipped_configs(ConfigKind.TUNE)) == ["one"]


def test_what_a_packaged_configuration_names_is_packaged_too() -> None:
    packaged, folder = in_wheel(), ROOT / "configs"
    named = {
        found.relative_to(folder)
        for path in packaged
        if path.suffix == ".toml"
        for found in files_named_in(
            tomllib.loads((folder / path).read_text()), (folder / path).parent
        )
    }
    assert Path("train/timit-micro.toml") in named
    assert Path("tune/results/xgb.json") in named
    assert Path("campaign/timit-micro-extended-cells.txt") in named
    assert named <= packaged


def test_a_wheel_has_every_kind_and_leaves_out_what_needs_a_checkout() -> None:
    packaged = {path.as_posix() for path in in_wheel()}
    left_out = {f"{kind}/{name}.toml" for kind, name in ALL} - packaged
    assert left_out == {
        "benchmark/nb201.toml",
        "tune/gnn-nb201.toml",
        "tune/xgb-nb201.toml",
    }
    assert {path.split("/")[0] for path in packaged} == set(ConfigKind)


COMMANDS = [
    (("collect", "x", "--corpus", "x", "--out", "x"), ConfigKind.CAMPAIGN),
    (("demo", "x", "--out", "x"), ConfigKind.CAMPAIGN),
    (("table", "verify", "--campaign", "x"), ConfigKind.CAMPAIGN),
    (("benchmark", "x"), ConfigKind.BENCHMARK),
    (("tune", "x", "--out", "x"), ConfigKind.TUNE),
    (("latency", "x", "--out", "x"), ConfigKind.LATENCY),
    (("fit", "timit-micro", "--config", "x", "--out", "x"), ConfigKind.PREDICTOR),
    (("corpus", "make", "x", "--out", "x"), ConfigKind.CORPUS),
    (("corpus", "check", "y", "--config", "x"), ConfigKind.CORPUS),
]


@pytest.mark.parametrize(("arguments", "kind"), COMMANDS, ids=[" ".join(a) for a, _ in COMMANDS])
def test_a_wrong_name_is_an_error_that_lists_those_of_its_kind(
    run: Run,
    arguments: tuple[str, ...],
    kind: ConfigKind,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*arguments)
    assert code == 2
    assert f"a {kind} configuration must be a shipped one (" in err
    assert ", ".join(shipped_configs(kind)) in err
    assert list(tmp_path.iterdir()) == []


def test_no_name_is_hidden_by_a_command() -> None:
    groups: Any = typer.main.get_command(app)
    for group, kind in (("collect", ConfigKind.CAMPAIGN), ("latency", ConfigKind.LATENCY)):
        assert not set(groups.commands[group].commands) & set(shipped_configs(kind))


def test_the_list_has_all_and_says_what_each_is(run: Run) -> None:
    code, out, _ = run("configs", "--format", "json")
    rows = json.loads(out)
    assert code == 0
    assert [(row["kind"], row["name"]) for row in rows] == ALL
    assert all(row["what"] and row["for"] for row in rows)
    code, out, _ = run("configs", "tune", "--format", "json")
    assert json.loads(out) == [row for row in rows if row["kind"] == "tune"]


@pytest.mark.parametrize(("kind", "name"), [("campaign", "demo"), ("predictor", "xgb")])
def test_one_is_printed_as_it_is(run: Run, kind: str, name: str) -> None:
    code, out, _ = run("configs", f"{kind}/{name}")
    assert (code, out) == (0, (ROOT / "configs" / kind / f"{name}.toml").read_text())


def test_a_copy_is_whole_and_works_on_its_own(run: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    code, _, err = run("configs", "--copy", mine)
    assert (code, "wrote" in err) == (0, True)
    for kind, name in ALL:
        assert (mine / kind / f"{name}.toml").read_bytes() == shipped_configs(kind)[
            name
        ].read_bytes()
    campaign = mine / "campaign" / "synth-micro.toml"
    assert run("table", "verify", "synth-micro", "--campaign", campaign)[0] == 0
    code, _, err = run("configs", "--copy", mine)
    assert code == 2
    assert f"configuration folder {mine} exists" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("campain",), "must be one of benchmark, campaign, corpus, latency"),
        (("campaign/nothing",), "synth-micro, timit-micro-200"),
        (("campaign/../tune/xgb",), "must be one of asterisk-micro-seeds, asterisk-micro, demo"),
        (("campaign", "--copy", "there"), "leave one out"),
    ],
)
def test_wrong_words_are_refused(run: Run, arguments: tuple[str, ...], message: str) -> None:
    code, _, err = run("configs", *arguments)
    assert code == 2
    assert message in err
