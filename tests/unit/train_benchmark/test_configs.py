"""Configurations refuse numbers that nothing can be made of, naming file and key."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import BaseModel

pytest.importorskip("torch", reason="needs the train extra: pip install 'nasasr[train]'")

from graph_encoding import MACROS, TIMIT_MICRO_MACRO, UserError
from graph_encoding.common.toml_config import load_config
from train_benchmark.collecting.plan import CampaignConfig
from train_benchmark.latency.config import LatencyConfig
from train_benchmark.recipe import CorpusConfig, TrainConfig

CONFIGS = Path(__file__).parents[3] / "configs"
MODELS: dict[str, type[BaseModel]] = {
    "campaign/timit-micro-seeds.toml": CampaignConfig,
    "corpus/synth-micro.toml": CorpusConfig,
    "latency/example.toml": LatencyConfig,
    "train/timit-micro.toml": TrainConfig,
    "train/paper-e40.toml": TrainConfig,
}


def changed(name: str, key: str, value: str, folder: Path) -> Path:
    """A shipped configuration with another value of one key."""
    lines = (CONFIGS / name).read_text().splitlines()
    (place,) = (i for i, line in enumerate(lines) if line.split("=")[0].strip() == key)
    lines[place] = f"{key} = {value}"
    path = folder / Path(name).name
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("name", list(MODELS))
def test_shipped_configs_load(name: str) -> None:
    load_config(CONFIGS / name, MODELS[name])


@pytest.mark.parametrize(
    ("name", "key", "value", "message"),
    [
        ("campaign/timit-micro-seeds.toml", "seeds", "[1, -1]", "seeds.1': .* or equal to 0"),
        ("campaign/timit-micro-seeds.toml", "seeds", f"[{2**63}]", f"seeds.0': .* than {2**63}"),
        ("train/timit-micro.toml", "clip_norm", "inf", "clip_norm': .* finite number, but got inf"),
        ("train/timit-micro.toml", "feature_noise", "inf", "feature_noise': .* finite number"),
        ("train/timit-micro.toml", "peak", "inf", "schedule.one-cycle.peak': .* finite number"),
        ("train/paper-e40.toml", "peak", "inf", "schedule.exponential.peak': .* finite number"),
        ("train/paper-e40.toml", "kernel_l2", "inf", "kernel_l2': .* finite number"),
        ("latency/example.toml", "baseline_seconds", "inf", "method.baseline_seconds': .* finite"),
        ("corpus/synth-micro.toml", "seed", "-1", "synthetic.seed': .* or equal to 0"),
        ("corpus/synth-micro.toml", "snr_db_max", "inf", "synthetic.snr_db_max': .* finite number"),
        ("corpus/synth-micro.toml", "snr_db_min", "nan", "synthetic.snr_db_min': .* finite number"),
        ("corpus/synth-micro.toml", "snr_db_min", "40", "synthetic': .*snr_db_min <= snr_db_max"),
        ("corpus/synth-micro.toml", "speakers", "12", "synthetic.speakers': .* multiple of 8"),
        ("corpus/synth-micro.toml", "speakers", "0", "synthetic.speakers': .* or equal to 8"),
        ("corpus/synth-micro.toml", "words_min", "5", "synthetic': .*words_min <= words_max"),
        ("corpus/synth-micro.toml", "words_min", "0", "synthetic.words_min': .* or equal to 1"),
        ("corpus/synth-micro.toml", "words_max", "99", "synthetic.words_max': .* or equal to 10"),
        (
            "corpus/synth-micro.toml",
            "sentences_per_speaker",
            "0",
            "synthetic.sentences_per_speaker': .* or equal to 1",
        ),
    ],
)
def test_numbers_that_nothing_can_be_made_of_are_refused(
    tmp_path: Path, name: str, key: str, value: str, message: str
) -> None:
    path = changed(name, key, value, tmp_path)
    with pytest.raises(UserError, match=rf"{path.name} breaks its rules:\n  key '{message}"):
        load_config(path, MODELS[name])


@pytest.mark.parametrize("name", ["train/timit-micro.toml", "latency/example.toml"])
def test_a_macro_network_must_be_registered(tmp_path: Path, name: str) -> None:
    path = changed(name, "macro", '"mine"', tmp_path)
    with pytest.raises(UserError, match=r"'macro': .*unknown macro network 'mine'; known: paper, "):
        load_config(path, MODELS[name])
    MACROS.register("mine", replace(TIMIT_MICRO_MACRO, name="mine"))
    config = load_config(path, MODELS[name])
    assert config.model_dump()["macro"] == "mine"


def test_the_largest_seed_is_allowed(tmp_path: Path) -> None:
    path = changed("campaign/timit-micro-seeds.toml", "seeds", f"[0, {2**63 - 1}]", tmp_path)
    assert load_config(path, CampaignConfig).seeds == (0, 2**63 - 1)
