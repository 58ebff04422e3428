"""The command `nasasr latency`: its files, its output and its exit codes."""

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="needs the extra nasasr[latency]")
pytest.importorskip("onnxruntime", reason="needs the extra nasasr[latency]")

from surrogate.cli import main
from train_benchmark.latency.config import Sweep
from train_benchmark.latency.worker import failed_record
from train_benchmark.record_files.latency_record import read_latencies, write_latencies

CONFIGS = Path(__file__).parents[2] / "configs" / "latency"
SMALL = """
macro = "timit-micro"
semantics = "paper"
settings = ["cpu-onnx-fp32-t1-b1-0.5s"]
reference = "10_110_1010"

[method]
cells_at_a_time = 3
loads = 1
rounds = 3
runs = 1
discarded_runs = 0
reference_every = 1
max_relative_error = 0.5
max_attempts = 1
baseline_seconds = 0

[cells]
kind = "list"
cells = ["10_100_1000", "00_000_0000"]
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["latency", *map(str, arguments)])
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_a_sweep_writes_records_and_a_summary(run: Run, config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, text, err = run(config, "--out", out, "--format", "json")
    assert code == 0, err
    (row,) = json.loads(text)
    assert (row["setting"], row["cells"]) == ("timit-micro/cpu-onnx-fp32-t1-b1-0.5s", 2)
    assert 0 < row["lowest_ms"] <= row["median_ms"] <= row["highest_ms"] < 1000
    assert "2/2" in err
    assert len(list((out / "shards").glob("*.parquet"))) == 1
    # A second run measures nothing and prints the same summary, as does status.
    for arguments in ((config, "--out", out), ("status", out)):
        code, text, _ = run(*arguments, "--format", "csv")
        (again,) = csv.DictReader(io.StringIO(text))
        assert code == 0
        assert math.isclose(float(again["median_ms"]), row["median_ms"])
    _, text, _ = run("status", out)
    assert text.splitlines()[0].split()[:3] == ["setting", "cells", "median_ms"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("rounds", "turns"), "unknown key 'method.turns'"),
        (("loads = 1", "loads = 9"), "rounds must be >= loads"),
        (("cpu-onnx", "tpu-onnx"), "device must be one of"),
        (('"10_110_1010"', '"10_nonsense"'), "nonsense"),
    ],
)
def test_an_invalid_configuration_is_a_user_error(
    run: Run, config: Path, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    config.write_text(SMALL.replace(*change))
    code, out, err = run(config, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert message in err


def test_invalid_options_are_user_errors(run: Run, config: Path, tmp_path: Path) -> None:
    code, _, err = run(config, "--out", tmp_path / "out", "--cores", "zero")
    assert (code, "--cores must be integers" in err) == (2, True)
    code, _, err = run(config, "--out", tmp_path / "out", "--cores", "4096")
    assert (code, "--cores must be among" in err) == (2, True)
    code, _, err = run(config, "--out", tmp_path / "out", "--baselines-of", tmp_path / "nope")
    assert (code, "must be a folder that `nasasr latency` wrote" in err) == (2, True)
    assert not (tmp_path / "out").exists()
    code, _, err = run("status", tmp_path)
    assert (code, "must be a folder that `nasasr latency` wrote" in err) == (2, True)


def test_failed_cells_are_measured_again(run: Run, config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(config, "--out", out)
    (shard,) = (out / "shards").iterdir()
    good, bad = read_latencies(shard)
    failed = failed_record(
        {name: getattr(bad, name) for name in ("functional_key", "cell", "semantics", "setting")}
        | {"device": bad.device, "software": bad.software},
        "failed",
        "its measuring process died",
        bad.reference_s,
    )
    write_latencies([good, failed], shard)
    for arguments, failures in (([], 1), (["--retry-failed"], 0), ([], 0)):
        code, text, _ = run(config, "--out", out, "--format", "json", *arguments)
        (row,) = json.loads(text)
        assert (code, row["cells"], row["failed"]) == (0, 2, failures)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_configs_load(path: Path) -> None:
    sweep = Sweep.load(path)
    counts = {
        "example": 12,
        "paper-cpu": 2000,
        "paper-cuda": 128,
        "paper-settings": 500,
        "timit-micro-extended": 597,
    }
    # All functions of the space that are not dead.
    assert len(sweep.cells) == counts.get(path.stem, 8911)
    assert all(setting.input_frames in (98, 398) for setting in sweep.settings)
