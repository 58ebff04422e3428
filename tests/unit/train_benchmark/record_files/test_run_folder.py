"""Descriptions of folders: what is none is an error that names the file, in any locale."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from graph_encoding import UserError
from surrogate.testing.synthetic import synthetic_table
from train_benchmark.latency.sweep import read_sweep
from train_benchmark.table.benchmark_table import BenchmarkTable

ROOT = Path(__file__).parents[4]
CAMPAIGN = {
    "schema_version": 1,
    "recipe": {"train": {"semantics": "paper"}, "corpus": {"licence": "none"}},
    "recipe_hash": "0",
    "corpus_fingerprint": "0",
}
SWEEP = {"latency_schema_version": 1, "baselines_s": {}}

TABLE = synthetic_table(2)


def trainings_done(folder: Path) -> int:
    pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")
    from train_benchmark.collecting.campaign_folder import campaign_status

    return campaign_status(folder).done


READERS: list[tuple[str, Callable[[Path], object]]] = [
    ("campaign.json", trainings_done),
    ("latency.json", read_sweep),
    ("metadata.json", BenchmarkTable.load),
]


@pytest.mark.parametrize(("name", "read"), READERS)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", "holds no JSON object; restore the file"),
        (b"5", "holds no JSON object; restore the file"),
        (b"{", "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"{}", "schema version 1, but has None; use the nasasr version that wrote it"),
        (b'{"schema_version": 1, "latency_schema_version": 1}', "must have the keys .*but lacks"),
    ],
)
def test_invalid_descriptions_are_errors_that_name_the_file(
    tmp_path: Path, name: str, read: Callable[[Path], object], content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{tmp_path}.*{message}"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("recipe", "lacking"),
    [
        ({"corpus": {"licence": "none"}}, "recipe.train.semantics"),
        ({"train": 5, "corpus": {"licence": "none"}}, "recipe.train.semantics"),
        ([], "recipe.train.semantics, recipe.corpus.licence"),
    ],
)
def test_keys_of_keys_are_looked_for(tmp_path: Path, recipe: object, lacking: str) -> None:
    path = tmp_path / "campaign.json"
    path.write_text(json.dumps(CAMPAIGN))
    assert trainings_done(tmp_path) == 0
    path.write_text(json.dumps({**CAMPAIGN, "recipe": recipe}))
    with pytest.raises(UserError, match=f"but lacks {lacking};"):
        trainings_done(tmp_path)


def test_a_sweep_is_read_by_its_description(tmp_path: Path) -> None:
    (tmp_path / "latency.json").write_text(json.dumps(SWEEP))
    assert read_sweep(tmp_path) == ()


def test_a_table_is_written_and_read_the_same_in_any_locale(tmp_path: Path) -> None:
    metadata = replace(TABLE.metadata, licence="speech © 1993, für alle")
    BenchmarkTable(metadata, TABLE.records).save(tmp_path / "here")
    program = f"""
from pathlib import Path
from train_benchmark.table.benchmark_table import BenchmarkTable
table = BenchmarkTable.load({str(tmp_path / "here")!r})
table.save(Path({str(tmp_path / "there")!r}))
"""
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, **ascii_only}, check=True
    )
    assert BenchmarkTable.load(tmp_path / "there").metadata == metadata
