"""Searches for settings: what they see, that they go on, what they find."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("optuna", reason="needs the extra predictors")

from graph_encoding import UserError
from graph_encoding.graph_file import GraphRow, write_graphs
from surrogate.cli import main
from surrogate.config import load_fit_config
from surrogate.testing.synthetic import synthetic_dataset
from surrogate.tuning import TuneConfig, load_tune_config
from surrogate.tuning.study import JOURNAL_FILE, fold_taus, run_study
from surrogate.tuning.summary import summarise_study, write_summary

DATA = synthetic_dataset(60)


@pytest.fixture
def graphs(tmp_path: Path) -> Path:
    """A graph file of 60 labelled cells."""
    return written(tmp_path / "graphs.jsonl", DATA.values)


def written(path: Path, values: Any) -> Path:
    rows = zip(DATA.graphs, values.tolist(), strict=True)
    write_graphs(path, [GraphRow(graph, {"per": value}, {}) for graph, value in rows])
    return path


def config(graphs: Path, **changes: Any) -> TuneConfig:
    values: dict[str, Any] = {
        "name": "study",
        "predictor": "xgb",
        "source": {"graphs": graphs, "direction": "minimise"},
        "target": "per",
        "train_keys": 40,
        "folds": 2,
        "trials": 4,
        "settings": {"members": 2, "rounds": 20},
        "space": {
            "max_depth": {"low": 1, "high": 5},
            "learning_rate": {"low": 0.01, "high": 0.5, "log": True},
        },
    }
    return TuneConfig.model_validate({**values, **changes})


def trials(study: Any) -> list[tuple[dict[str, Any], float]]:
    return [(trial.params, trial.value) for trial in study.trials]


def test_the_first_trial_is_that_of_the_defaults(graphs: Path, tmp_path: Path) -> None:
    study = run_study(config(graphs), tmp_path / "out")
    assert len(study.trials) == 4
    assert study.trials[0].params == {"max_depth": 4, "learning_rate": 0.05}
    depths = [trial.params["max_depth"] for trial in study.trials]
    assert all(isinstance(depth, int) and 1 <= depth <= 5 for depth in depths)
    for trial in study.trials:
        assert trial.value == pytest.approx(np.mean(fold_taus(trial)))


def test_keys_outside_the_training_keys_are_never_looked_at(graphs: Path, tmp_path: Path) -> None:
    from surrogate.benchmark.source import load_source
    from surrogate.tuning.objective import training_keys

    chosen = config(graphs)
    seen = set(training_keys(load_source(chosen), chosen).keys)
    assert len(seen) == 40
    spoilt = np.where([key in seen for key in DATA.keys], DATA.values, 1e6)
    other = config(written(tmp_path / "spoilt.jsonl", spoilt))
    assert trials(run_study(chosen, tmp_path / "a")) == trials(run_study(other, tmp_path / "b"))


def test_a_search_goes_on_where_it_was(graphs: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    first = trials(run_study(config(graphs, trials=2), tmp_path / "out"))
    study = run_study(
        config(graphs, trials=5), tmp_path / "out", on_progress=lambda *now: told.append(now)
    )
    assert trials(study)[:2] == first
    assert len(study.trials) == 5
    assert told == [(2, 5), (3, 5), (4, 5), (5, 5)]
    assert len(run_study(config(graphs, trials=3), tmp_path / "out").trials) == 5


def test_equal_seeds_search_alike(graphs: Path, tmp_path: Path) -> None:
    found = [
        trials(run_study(config(graphs, seed=seed), tmp_path / name))
        for seed, name in ((1, "a"), (1, "b"), (2, "c"))
    ]
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_two_processes_share_a_study(graphs: Path, tmp_path: Path) -> None:
    study = run_study(config(graphs, trials=6), tmp_path / "out", workers=2)
    ended = [trial for trial in study.trials if trial.state.is_finished()]
    assert len(ended) in (6, 7)  # both may be at their last
    assert study.trials[0].params == {"max_depth": 4, "learning_rate": 0.05}


def test_what_is_clearly_worse_is_pruned(graphs: Path, tmp_path: Path) -> None:
    space = {"columns": {"choices": ["counts", "statistics"]}}
    chosen = config(graphs, predictor="ridge", settings={}, space=space, trials=25, folds=4)
    study = run_study(chosen, tmp_path / "out")
    pruned = [trial for trial in study.trials if trial.state.name == "PRUNED"]
    assert pruned
    assert study.best_trial.params not in [trial.params for trial in pruned]


def test_the_result_is_a_configuration_of_a_fit(graphs: Path, tmp_path: Path) -> None:
    chosen = config(graphs)
    study = run_study(chosen, tmp_path / "out")
    summary = summarise_study(study, chosen)
    assert (summary.keys, summary.complete, summary.failed) == (40, 4, 0)
    assert summary.best_tau == max(value for _, value in trials(study))
    assert summary.default_tau == trials(study)[0][1]
    difference = summary.confirmed_best_tau - summary.confirmed_default_tau
    assert summary.gain == pytest.approx(difference)
    fit = load_fit_config(write_summary(summary, chosen, tmp_path / "out"))
    assert fit.predictor == "xgb"
    assert fit.settings.max_depth == summary.best["max_depth"]
    assert fit.settings.learning_rate == summary.best["learning_rate"]
    assert (fit.settings.members, fit.settings.rounds) == (2, 20)
    assert json.loads((tmp_path / "out/summary.json").read_text())["best"] == summary.best


def test_settings_of_a_part_are_named_with_its_table(graphs: Path, tmp_path: Path) -> None:
    space = {"xgb.max_depth": {"low": 2, "high": 5}, "folds": {"choices": [2, 5]}}
    settings = {"gnn_from": 1000, "xgb": {"members": 2, "rounds": 10}}
    chosen = config(graphs, predictor="stack", settings=settings, space=space, trials=2)
    made: Any = chosen.make_predictor({"xgb.max_depth": 3}).settings
    assert (made.xgb.max_depth, made.xgb.rounds, made.gnn_from) == (3, 10, 1000)
    summary = summarise_study(run_study(chosen, tmp_path / "out"), chosen)
    fit = load_fit_config(write_summary(summary, chosen, tmp_path / "out"))
    assert fit.settings.xgb.max_depth == summary.best["xgb.max_depth"]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"space": {"depth": {"low": 1, "high": 2}}}, "no setting 'depth'; it has members, bag"),
        ({"space": {"max_depth": {"low": 5, "high": 9}}}, "must hold its default 4"),
        ({"space": {"max_depth": {"low": 5, "high": 4}}}, "low < high"),
        ({"space": {"max_depth": {"choices": [4]}}}, "at least two"),
        ({"space": {"max_depth": {"choices": [3, 4], "low": 1}}}, "go without low"),
        ({"space": {"max_depth": {"low": 0, "high": 9, "log": True}}}, "low > 0"),
        ({"settings": {"depth": 3}}, "must be settings of 'xgb'"),
        ({"predictor": "oracle"}, "unknown predictor 'oracle'"),
        ({"trials": 0}, "greater than or equal to 1"),
    ],
)
def test_wrong_configurations_are_refused(graphs: Path, changes: dict[str, Any], rule: str) -> None:
    with pytest.raises((UserError, ValueError), match=rule):
        config(graphs, **changes)


def test_a_folder_holds_one_study(graphs: Path, tmp_path: Path) -> None:
    run_study(config(graphs, trials=1), tmp_path / "out")
    with pytest.raises(UserError, match="choose another --out"):
        run_study(config(graphs, trials=1, folds=3), tmp_path / "out")
    other = config(written(tmp_path / "other.jsonl", DATA.values + 1), trials=1)
    with pytest.raises(UserError, match="keys_sha256"):
        run_study(other, tmp_path / "out")


TOML = """
name = "study"
predictor = "ridge"
target = "per"
train_keys = 40
trials = {trials}

[source]
graphs = "graphs.jsonl"
direction = "minimise"

[space.columns]
choices = ["counts", "statistics"]
"""


def test_the_command_writes_a_result(
    graphs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = graphs.with_name("tune.toml")
    file.write_text(TOML.format(trials=3))
    with pytest.raises(SystemExit) as ended:
        main(["tune", str(file), "--out", str(tmp_path / "out"), "--format", "json"])
    assert ended.value.code in (0, None)
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / "out/summary.json").read_text())
    file.write_text(TOML.format(trials=3).replace("columns", "colours"))
    with pytest.raises(SystemExit) as ended:
        main(["tune", str(file), "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    assert "no setting 'colours'; it has columns" in capsys.readouterr().err


def test_a_killed_search_is_gone_on_with(graphs: Path, tmp_path: Path) -> None:
    file = graphs.with_name("tune.toml")
    file.write_text(TOML.format(trials=100_000))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "surrogate.cli", "tune", str(file), "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    journal = out / JOURNAL_FILE
    deadline = time.monotonic() + 60
    while not journal.exists() or journal.read_text().count('"fold_taus"') < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for left in out.glob("*.lock"):
        left.unlink()  # held at that moment; Optuna itself waits half a minute for its holder
    file.write_text(TOML.format(trials=1))
    study = run_study(load_tune_config(file), out)
    kept = sum(trial.state.is_finished() for trial in study.trials)
    assert kept >= 3
    file.write_text(TOML.format(trials=kept + 2))
    again = run_study(load_tune_config(file), out)
    assert sum(trial.state.is_finished() for trial in again.trials) == kept + 2
    assert trials(again)[:3] == trials(study)[:3]
