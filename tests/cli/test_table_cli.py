"""`nasasr table verify` and `export`: what they print, and their exit codes."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from surrogate.fitting.artifact import Artifact
from surrogate.forecasting.forecast import Forecaster
from surrogate.testing.synthetic import synthetic_table
from tests.cli.conftest import Run
from tests.unit.train_benchmark.table.test_latencies import RECORDS, SETTING
from tests.unit.train_benchmark.table.test_query import TABLE
from train_benchmark.record_files.latency_record import write_latencies
from train_benchmark.table.benchmark_table import BenchmarkTable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table of measured rows only."""
    BenchmarkTable(TABLE.metadata, TABLE.measured).save(tmp_path / "table")
    return tmp_path / "table"


def test_a_good_table_verifies(run: Run, folder: Path) -> None:
    code, out, _ = run("table", "verify", folder, "--format", "json")
    assert code == 0
    checks = json.loads(out)
    assert {check["name"] for check in checks} >= {"keys", "params", "curves", "status"}
    assert all(check["ok"] for check in checks)


def test_a_table_that_breaks_a_rule_ends_with_1(run: Run, tmp_path: Path) -> None:
    TABLE.save(tmp_path / "failed")
    code, out, err = run("table", "verify", tmp_path / "failed")
    assert code == 1
    assert "NO" in out
    assert "breaks a rule: status" in err
    code, out, _ = run("table", "verify", tmp_path / "failed", "--format", "csv")
    assert code == 1
    ok = {row["name"]: row["ok"] for row in csv.DictReader(io.StringIO(out))}
    assert (ok["status"], ok["keys"]) == ("False", "True")


def test_a_check_says_how_many_rows_it_saw(run: Run, folder: Path) -> None:
    out = run("table", "verify", folder)[1]
    assert f"curves of all {len(TABLE.measured)} measured rows have all epochs" in out


def test_a_changed_file_is_noticed(run: Run, folder: Path) -> None:
    path = folder / "records.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    code, out, err = run("table", "verify", folder, "--format", "json")
    assert code == 1
    (check,) = json.loads(out)
    assert (check["name"], check["ok"], "sha256" in check["detail"]) == ("files", False, True)
    assert "breaks a rule: files" in err
    path.unlink()
    code, out, _ = run("table", "verify", folder)
    assert code == 1
    assert "lacks it" in out
    assert run("table", "info", folder)[0] == 2


@pytest.mark.parametrize(
    ("changes", "name", "detail"),
    [
        ({"dead_keys": []}, "dead keys", "the metadata list 0 of 12 dead functions"),
        ({"dead_keys": 5}, "dead keys", "list 0 of 12 dead"),
        ({"recipe": {}}, "recipe hash", "cannot be read: KeyError: 'macro'"),
        ({"recipe": {"macro": {}, "train": {}}}, "recipe hash", "cannot be read"),
        ({"semantics": 5}, "files", "'semantics' of a table's metadata must be of type str"),
        ({"recipe_hash": []}, "files", "'recipe_hash' of a table's metadata must be of type str"),
        ({"corpus_fingerprint": "another"}, "files", "must share one corpus_fingerprint"),
    ],
)
def test_metadata_that_are_wrong_are_a_failed_check(
    run: Run, folder: Path, changes: dict[str, object], name: str, detail: str
) -> None:
    path = folder / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    code, out, _ = run("table", "verify", folder, "--format", "json")
    assert code == 1
    (check,) = [check for check in json.loads(out) if check["name"] == name]
    assert not check["ok"]
    assert detail in check["detail"]


def test_metadata_that_are_cut_off_are_a_failed_check(run: Run, folder: Path) -> None:
    path = folder / "metadata.json"
    path.write_text(path.read_text()[:100])
    code, out, _ = run("table", "verify", folder)
    assert (code, "metadata.json cannot be read" in out) == (1, True)
    code, _, err = run("table", "verify", folder.parent / "nowhere")
    assert (code, "there is no table" in err) == (2, True)


def test_retraining_needs_to_know_how(run: Run, folder: Path) -> None:
    code, _, err = run("table", "verify", folder, "--retrain", "2")
    assert code == 2
    assert "--corpus and --campaign" in err
    code, _, err = run("table", "verify", folder, "--corpus", "timit")
    assert code == 2
    assert "--corpus timit is read by --retrain N only" in err
    code, _, err = run("table", "verify", folder, "--seed", "-1")
    assert code == 2
    assert "--seed" in err


def test_noise_is_that_between_different_seeds(run: Run, tmp_path: Path) -> None:
    synthetic_table(20).save(tmp_path / "made-up")
    noise = ("table", "noise", tmp_path / "made-up", "--seeds")
    code, out, _ = run(*noise, "1,2", "--format", "csv")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["cells"] for row in rows} == {"20"}
    code, _, err = run(*noise, "1,2,1")
    assert code == 2
    assert "must be distinct, but got 1, 2, 1" in err
    code, _, err = run(*noise, "1,7,8")
    assert code == 2
    assert "--seeds must be among those of table 'synthetic', which are 1, 2, but got 7, 8" in err
    code, _, err = run(*noise, "1")
    assert code == 2
    assert "at least two, but got 1, and table 'synthetic' has 1, 2; name at least two" in err
    code, _, err = run(*noise[:-1])  # seeds of the shipped table
    assert (code, "which are 1, 2, but got 1234, 1235" in err) == (2, True)


@pytest.mark.parametrize("form", ["csv", "parquet", "nb-asr"])
def test_exports_are_written_once(run: Run, folder: Path, tmp_path: Path, form: str) -> None:
    out = tmp_path / "copy"
    arguments = ("table", "export", folder, "--to", form, "--out", out)
    code, _, err = run(*arguments)
    assert (code, "functions" in err) == (0, form == "nb-asr" and "are in it" in err)
    assert out.exists()
    code, _, err = run(*arguments)
    assert code == 2
    assert "exists" in err


def test_an_export_names_the_latencies_that_it_leaves_out(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    other = [replace(record, device="another") for record in RECORDS]
    table = BenchmarkTable.load(folder)
    table.save(tmp_path / "one", RECORDS)
    table.save(tmp_path / "two", [*RECORDS, *other])
    for name, said in (("one", False), ("two", True)):
        code, _, err = run("table", "export", tmp_path / name, "--out", tmp_path / f"{name}.csv")
        assert code == 0
        assert (f"several devices have: those of {SETTING}" in err) is said
        header = (tmp_path / f"{name}.csv").read_text().splitlines()[0]
        assert (f"latency_s_{SETTING}" in header) is not said


def test_exports_have_the_estimates_of_an_artifact(
    run: Run, artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic_table(60).save(tmp_path / "table")
    artifact.save(tmp_path / "artifact")
    export = ("table", "export", tmp_path / "table", "--artifact", tmp_path / "artifact", "--out")
    for form in ("csv", "parquet"):
        code, _, err = run(*export, tmp_path / f"table.{form}", "--to", form)
        assert code == 0, err
    rows = pq.read_table(tmp_path / "table.parquet").to_pylist()
    with (tmp_path / "table.csv").open(newline="") as file:
        assert [row["estimate_val_per"] for row in csv.DictReader(file)] == [
            str(row["estimate_val_per"]) for row in rows
        ]
    cells = [row["cell"] for row in rows]
    forecasts = Forecaster(artifact).forecast(cells, curve=False, latency=False)
    for row, forecast in zip(rows, forecasts, strict=True):
        for target in ("val_per", "test_per"):
            estimate = forecast.target(target).estimate
            assert estimate is not None
            assert row[f"estimate_{target}"] == pytest.approx(estimate.mean, abs=1e-9)
            assert row[f"estimate_std_{target}"] == pytest.approx(estimate.std, abs=1e-9)
    monkeypatch.setattr("surrogate.forecasting.benchmark_query.Benchmark", None)
    code, _, err = run(*export, tmp_path / "table.csv")
    assert (code, "exists" in err) == (2, True), "looked for before estimates are made"
    code, _, err = run(*export, tmp_path / "released", "--to", "nb-asr")
    assert (code, "--artifact is for csv and parquet" in err) == (2, True)


def test_an_artifact_without_estimates_is_no_source_of_columns(
    run: Run, artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic_table(60).save(tmp_path / "table")
    older = replace(artifact, models=tuple(replace(m, true_means=None) for m in artifact.models))
    older.save(tmp_path / "older")
    export = ("table", "export", tmp_path / "table", "--out", tmp_path / "t.csv")
    code, _, err = run(*export, "--artifact", tmp_path / "older")
    assert code == 2
    assert "has no estimates of true means" in err and "nasasr fit" in err
    assert not (tmp_path / "t.csv").exists()
    # That of a shipped table is not asked for, so that it costs a line only.
    monkeypatch.setattr("surrogate.fitting.artifact.load_artifact", lambda _: older)
    monkeypatch.setattr("surrogate.fitting.artifact.shipped_artifacts", lambda: (str(export[2]),))
    code, _, err = run(*export)
    assert (code, "without columns of estimates" in err) == (0, True)
    assert "estimate" not in (tmp_path / "t.csv").read_text()


def test_latencies_are_attached_to_a_copy_of_a_table(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    for name, records in (("first", RECORDS[:2]), ("both", RECORDS)):
        (tmp_path / name / "shards").mkdir(parents=True)
        write_latencies(records, tmp_path / name / "shards" / "0.parquet")
    code, _, err = run(
        "table", "attach-latency", folder, tmp_path / "first", "--out", tmp_path / "one"
    )
    assert (code, f"wrote {tmp_path / 'one'}: 2 latencies, 0" in err) == (0, True)
    attach = ("table", "attach-latency", tmp_path / "one", tmp_path / "both", "--out")
    assert run(*attach, tmp_path / "two")[0] == 0
    code, out, _ = run("table", "info", tmp_path / "two", "--format", "json")
    assert json.loads(out)["latency"] == {SETTING: len(RECORDS)}
    assert run("table", "verify", tmp_path / "two")[0] == 0
    code, _, err = run(*attach, tmp_path / "two")
    assert (code, "exists" in err) == (2, True)
