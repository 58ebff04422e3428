"""Configs of fits: the shipped ones load, and each mistake is named."""

from pathlib import Path

import pytest

from graph_encoding import UserError
from surrogate.fitting.config import default_fit_config, for_table, load_fit_config
from surrogate.predictors import RidgeSettings, StackPredictor
from train_benchmark.table.benchmark_table import BenchmarkTable

SHIPPED = sorted((Path(__file__).parents[4] / "configs" / "predictor").glob("*.toml"))


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "fit.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_configs_load(path: Path) -> None:
    assert load_fit_config(path).make_predictor().name == path.stem


def test_default_is_the_shipped_config_of_the_stack() -> None:
    path = next(path for path in SHIPPED if path.stem == "stack")
    assert load_fit_config(path).model_dump() == default_fit_config().model_dump()


def test_empty_file_means_all_defaults(tmp_path: Path) -> None:
    config = load_fit_config(_write(tmp_path, ""))
    assert isinstance(config.make_predictor(), StackPredictor)


def test_settings_are_those_of_the_named_predictor(tmp_path: Path) -> None:
    config = load_fit_config(
        _write(tmp_path, 'predictor = "ridge"\n[settings]\ncolumns = "statistics"\n')
    )
    assert config.settings == RidgeSettings("statistics")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 1", "unknown key 'colour'; known: predictor, targets"),
        (
            "[settings.xgb]\nrouns = 3",
            "unknown key 'settings.xgb.rouns'; known: members, bag_fraction",
        ),
        ("[settings.xgb]\nrounds = 0", "rounds must be >= 1, but got 0"),
        ("[settings.xgb]\nrounds = 'x'", "'settings.xgb.rounds'"),
        ("[settings.xgb]\nrounds = '30'", "'settings.xgb.rounds': .*valid integer, but got '30'"),
        ("[settings.xgb]\nlearning_rate = true", "valid number, but got True"),
        ("folds = '4'", "'folds': .*valid integer, but got '4'"),
        ("seed = true", "'seed': .*valid integer, but got True"),
        ("[evaluation]\nlevel = 2", "'evaluation.level': .*less than 1, but got 2"),
        ('predictor = "nope"', "unknown predictor 'nope'; known: .*xgb"),
        ('predictor = "my_pkg:Mine"', "registered predictors only .*from Python"),
        ('targets = ["nope"]', "unknown target 'nope'; known: val_per, val_per_last5, test_per"),
        ("targets = []", "targets"),
        (
            'targets = ["val_per", "test_per", "val_per"]',
            "'targets': .*targets must be distinct",
        ),
        ('seed_policy = "all"', "seed_policy"),
        ("predictor = ", "must be TOML"),
    ],
)
def test_mistakes_are_named_with_the_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load_fit_config(_write(tmp_path, text))
    assert "fit.toml" in str(caught.value)
    assert all(line.count("but got") <= 1 for line in str(caught.value).splitlines())


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read config .*nope\.toml"):
        load_fit_config(tmp_path / "nope.toml")


def test_curves_that_are_too_short_are_left_out_unless_they_are_asked_for(tmp_path: Path) -> None:
    short, long = (BenchmarkTable.load(name) for name in ("synth-micro", "timit-micro"))
    assert for_table(default_fit_config(), short).curve_predictor == "none"
    assert for_table(default_fit_config(), long).curve_predictor == "gp"
    (tmp_path / "fit.toml").write_text('curve_predictor = "ridge"\n', encoding="utf-8")
    assert for_table(load_fit_config(tmp_path / "fit.toml"), short).curve_predictor == "ridge"
