"""Configurations of searches: what is wrong is named, and what makes another study."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from graph_encoding.common.errors import UserError
from surrogate.predictors import XgbPredictor
from surrogate.predictors.trees.xgb import XgbSettings
from surrogate.tuning import TuneConfig
from surrogate.tuning.config import Range, load_tune_config


def config(**changes: Any) -> TuneConfig:
    values: dict[str, Any] = {
        "name": "study",
        "predictor": "xgb",
        "source": {"graphs": "graphs.jsonl", "direction": "minimise"},
        "target": "per",
        "trials": 4,
        "settings": {"members": 2, "rounds": 20},
        "space": {
            "max_depth": {"low": 1, "high": 5},
            "learning_rate": {"low": 0.01, "high": 0.5, "log": True},
        },
    }
    return TuneConfig.model_validate({**values, **changes})


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"space": {"depth": {"low": 1, "high": 2}}}, "no setting 'depth'; it has members, bag"),
        ({"space": {"max_depth": {"low": 5, "high": 9}}}, "must hold its default 4"),
        ({"space": {"max_depth": {"low": 5, "high": 4}}}, "low < high"),
        ({"space": {"max_depth": {"choices": [4]}}}, "at least two"),
        ({"space": {"max_depth": {"choices": [3, 4], "low": 1}}}, "has both; remove one"),
        ({"space": {"max_depth": {"low": 0, "high": 9, "log": True}}}, "low > 0"),
        ({"space": {"max_depth": {"low": 1, "high": 5, "step": 3}}}, "divide high - low"),
        ({"space": {"max_depth": {"low": 1, "high": 9, "step": 2}}}, "must hold its default 4"),
        ({"space": {"max_depth": {"low": 1.0, "high": 9.0}}}, "must be integers"),
        ({"space": {"subsample": {"low": 0.5, "high": 1.5}}}, r"in \(0, 1\]"),
        ({"search_settings": {"depth": 3}}, "no setting 'depth'"),
        ({"search_settings": {"max_depth": 3}}, "leave it out of search_settings"),
        ({"search_settings": {"members": 1}}, "members must be >= 2"),
        ({"settings": {"depth": 3}}, r"must be those of 'xgb' \(members, bag"),
        ({"settings": {"members": 2.5}}, "members: Input should be a valid integer, but got 2.5"),
        ({"settings": {"members": "4"}}, "members: Input should be a valid integer, but got '4'"),
        ({"settings": {"learning_rate": True}}, "learning_rate: Input should be a valid number"),
        ({"settings": {"rounds": date(2026, 1, 1)}}, "rounds: Input should be a valid integer"),
        ({"search_settings": {"subsample": True}}, "subsample: Input should be a valid number"),
        ({"space": {"learning_rate": {"choices": [0.05, "x"]}}}, "valid number, but got 'x'"),
        ({"space": {"rounds": {"choices": [20, True]}}}, "valid integer, but got True"),
        ({"space": {"rounds": {"low": 20, "high": 60, "step": 0.5}}}, "must be integers .* 0.5"),
        ({"space": {"rounds": {"low": 20, "high": 60, "step": 2.5}}}, "must be integers .* 2.5"),
        ({"predictor": "stack", "settings": {"gnn": 3}}, "gnn: Input should be an object"),
        ({"predictor": "oracle"}, "unknown predictor 'oracle'"),
        ({"trials": 0}, "greater than or equal to 1"),
    ],
)
def test_wrong_configurations_are_refused(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        config(**changes)


def test_a_wrong_range_is_told_without_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "tune.toml"
    path.write_text(
        'name = "x"\npredictor = "xgb"\ntarget = "val_per"\ntrials = 3\n'
        '[source]\ntable = "timit-micro"\n[space.depht]\nlow = 2\nhigh = 5\n'
    )
    with pytest.raises(UserError, match="has no setting 'depht'") as caught:
        load_tune_config(path)
    assert "timit-micro" not in str(caught.value)


def test_settings_are_what_they_are_in_a_fit() -> None:
    """Whole numbers are numbers, and what is left out has its default."""
    found: Any = config(settings={"members": 2, "reg_lambda": 3}).make_predictor({"max_depth": 5})
    assert found.settings == XgbSettings(members=2, reg_lambda=3.0, max_depth=5)
    assert isinstance(found.settings.reg_lambda, float)


def test_another_default_of_the_code_is_another_study(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Later(XgbSettings):
        subsample: float = 0.7

    before = config().hash
    assert config().hash == before
    assert config(settings={"members": 2, "rounds": 20, "subsample": 0.8}).hash == before
    assert config(settings={"members": 2, "rounds": 30}).hash != before
    assert config(search_settings={"rounds": 30}).hash != before
    monkeypatch.setattr(XgbPredictor, "settings_type", Later)
    assert config().hash != before


@pytest.mark.parametrize("values", [{"low": 1.0, "high": float("inf"), "step": 1.0}])
def test_ranges_are_finite(values: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="finite"):
        Range.model_validate(values)


def test_a_step_without_a_measure_has_no_grid() -> None:
    with pytest.raises((UserError, ValidationError)):
        Range.model_validate({"low": 0.0, "high": 1.0, "step": 5e-324})
