"""Fuzzing of configurations: every TOML file that a command takes."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from graph_encoding.common.toml_config import load_config
from surrogate.comparison.config import load_benchmark_config
from surrogate.fitting.config import load_fit_config
from surrogate.tuning.config import load_tune_config
from tests.fuzz.helpers import changed_toml, fuzz, read_or_refuse
from train_benchmark.collecting.plan import Campaign
from train_benchmark.latency.config import Sweep
from train_benchmark.recipe import CorpusConfig, TrainConfig

LISTED = """[cells]
kind = "list"
cells = ["10_100_1000", "01_310_2011", "conv9:1_410"]
"""
CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("campaign/demo.toml", Campaign.load),
        ("train/synth-micro.toml", lambda path: load_config(path, TrainConfig)),
        ("train/paper-e40.toml", lambda path: load_config(path, TrainConfig)),
        ("corpus/synth-micro.toml", lambda path: load_config(path, CorpusConfig)),
        ("corpus/timit-sample.toml", lambda path: load_config(path, CorpusConfig)),
        ("benchmark/timit-micro.toml", load_benchmark_config),
        ("benchmark/nb201.toml", load_benchmark_config),
        ("tune/xgb.toml", load_tune_config),
        ("predictor/stack.toml", load_fit_config),
        ("predictor/xgb.toml", load_fit_config),
        ("latency/example.toml", Sweep.load),
    ],
)
def test_configurations(name: str, load: Callable[[Path], object], tmp_path: Path) -> None:
    shutil.copytree(CONFIGS, tmp_path / "configs")
    path = tmp_path / "configs" / name
    valid = path.read_text(encoding="utf-8")
    if "[cells]" in valid:
        # To draw from the space takes longer than all the rest.
        valid = valid.partition("[cells]")[0] + LISTED
        path.write_text(valid, encoding="utf-8")
    load(path)

    def check(content: bytes) -> None:
        path.write_bytes(content)
        read_or_refuse(lambda: load(path), tmp_path)

    fuzz(name, changed_toml(valid), check)
