"""What is shipped has its name wherever one works, and tables are no artifacts."""

import json
import shutil
from pathlib import Path

import pytest

from surrogate.comparison import load_benchmark_config
from surrogate.data.labelled_graphs import load_source
from tests.cli.conftest import Run

NAME = "timit-micro"


@pytest.fixture
def namesake(saved_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a table in a folder that is called like the shipped one."""
    shutil.copytree(saved_table, tmp_path / NAME)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_namesake_does_not_replace_the_shipped_artifact(run: Run, namesake: Path) -> None:
    assert (namesake / NAME).is_dir()
    code, _, err = run("predict", "10_100_1000")
    assert (code, err) == (0, "")


def test_a_namesake_is_a_table_by_its_path(run: Run, namesake: Path) -> None:
    names = [
        json.loads(run("table", "info", table, "--format", "json")[1])["name"]
        for table in (NAME, f"./{NAME}", namesake / NAME)
    ]
    assert names == [NAME, "synthetic", "synthetic"]


def test_the_table_of_a_benchmark_is_named_in_the_same_way(namesake: Path) -> None:
    file = Path("bench.toml")
    found = []
    for table in (NAME, f"./{NAME}", "elsewhere"):
        file.write_text(f'target = "val_per"\n[source]\ntable = "{table}"\n')
        shutil.copytree(namesake / NAME, namesake / "elsewhere", dirs_exist_ok=True)
        found += [load_source(load_benchmark_config(path)).name for path in (file, file.absolute())]
    assert found == [NAME, NAME, *["synthetic"] * 4]


def test_a_table_is_no_artifact_and_an_artifact_no_table(
    run: Run, saved_table: Path, saved_artifact: Path
) -> None:
    code, _, err = run("predict", "10_100_1000", "--artifact", saved_table)
    assert code == 2
    assert f"{saved_table} must be an artifact, but is a table" in err
    code, _, err = run("table", "info", saved_artifact)
    assert code == 2
    assert f"{saved_artifact} must be a table, but is an artifact" in err
