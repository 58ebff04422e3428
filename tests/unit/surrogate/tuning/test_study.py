"""Searches for settings: what they see, that they go on, what they find."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("optuna", reason="needs the extra predictors")

from graph_encoding import UserError
from graph_encoding.interop.graph_file import GraphRow, write_graphs
from studies.tuned_elsewhere import corrected_error
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.labelled_graphs import Source, load_source
from surrogate.fitting.config import load_fit_config
from surrogate.metrics import kendall_tau
from surrogate.predictors import XgbPredictor
from surrogate.testing.synthetic import synthetic_dataset, synthetic_table
from surrogate.tuning import TuneConfig
from surrogate.tuning import study as study_module
from surrogate.tuning.confirmation import gain_error
from surrogate.tuning.objective import confirmation_keys, training_keys
from surrogate.tuning.study import JOURNAL_FILE, fold_taus, refusal, run_study
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
    chosen = config(graphs)
    seen = set(training_keys(load_source(chosen), chosen).keys)
    assert len(seen) == 40
    spoilt = np.where([key in seen for key in DATA.keys], DATA.values, 1e6)
    other = config(written(tmp_path / "spoilt.jsonl", spoilt))
    assert trials(run_study(chosen, tmp_path / "a")) == trials(run_study(other, tmp_path / "b"))


def test_extended_keys_are_neither_searched_nor_confirmed_on(graphs: Path) -> None:
    chosen = config(graphs, train_keys=30)
    marks = np.arange(60) % 3 == 0
    source = Source("made up", DATA.sorted_by_key(), marks, None)
    extended = {key for key, mark in zip(source.dataset.keys, marks, strict=True) if mark}
    searched = set(training_keys(source, chosen).keys)
    unseen = set(confirmation_keys(source, chosen).keys)
    assert (len(searched), len(unseen)) == (30, 10)
    assert not searched & unseen
    assert not (searched | unseen) & extended
    few = config(graphs, train_keys=20, confirm_keys=15)
    assert len(confirmation_keys(source, few)) == 15
    with pytest.raises(UserError, match=r"at most 40, the keys of 'made up' .* but is 41"):
        training_keys(source, config(graphs, train_keys=41))


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


@pytest.mark.slow
def test_two_processes_share_a_study(graphs: Path, tmp_path: Path) -> None:
    study = run_study(config(graphs, trials=6), tmp_path / "out", workers=2)
    ended = [trial for trial in study.trials if trial.state.is_finished()]
    assert len(ended) == 6
    assert study.trials[0].params == {"max_depth": 4, "learning_rate": 0.05}


def test_searches_that_join_a_study_try_other_settings(
    graphs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that begins while another is at its first trial, and then goes on alone."""
    judge, joined = study_module.held_out_tau, False

    def judge_while_another_searches(*of: Any) -> float:
        nonlocal joined
        if not joined:
            joined = True
            run_study(config(graphs, trials=3), tmp_path / "out")
        return judge(*of)

    monkeypatch.setattr(study_module, "held_out_tau", judge_while_another_searches)
    study = run_study(config(graphs, trials=6), tmp_path / "out")
    tried = {tuple(trial.params.values()) for trial in study.trials}
    assert len(tried) == len(study.trials) == 6


def test_what_is_clearly_worse_is_pruned(graphs: Path, tmp_path: Path) -> None:
    # So much in a leaf that no tree has a split, and all keys are forecast alike.
    space = {"min_child_weight": {"choices": [1.0, 1e6]}}
    chosen = config(graphs, space=space, trials=20, folds=3)
    study = run_study(chosen, tmp_path / "out")
    pruned = [trial for trial in study.trials if trial.state.name == "PRUNED"]
    assert pruned
    assert all(trial.params == {"min_child_weight": 1e6} for trial in pruned)


def test_the_result_is_a_configuration_of_a_fit(graphs: Path, tmp_path: Path) -> None:
    chosen = config(graphs)
    study = run_study(chosen, tmp_path / "out")
    summary = summarise_study(study, chosen)
    assert (summary.keys, summary.complete, summary.failed) == (40, 4, 0)
    assert summary.best_tau == max(value for _, value in trials(study))
    assert summary.default_tau == trials(study)[0][1]
    assert summary.confirmed_best_tau is not None and summary.confirmed_default_tau is not None
    difference = summary.confirmed_best_tau - summary.confirmed_default_tau
    assert summary.gain == pytest.approx(difference)
    assert summary.confirmation == "20 keys that the search did not see"
    fit = load_fit_config(write_summary(summary, chosen, tmp_path / "out"))
    assert fit.predictor == "xgb"
    assert fit.settings.max_depth == summary.best["max_depth"]
    assert fit.settings.learning_rate == summary.best["learning_rate"]
    assert (fit.settings.members, fit.settings.rounds) == (2, 20)
    assert json.loads((tmp_path / "out/summary.json").read_text())["best"] == summary.best


def test_the_confirmation_asks_for_keys_that_the_search_never_saw(
    graphs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What chose the settings cannot judge them, however it is divided."""
    chosen = config(graphs, confirm_keys=15, confirm_repeats=3)
    study = run_study(chosen, tmp_path / "out")
    searched = set(training_keys(load_source(chosen), chosen).keys)
    fitted: list[set[str]] = []
    asked: list[set[str]] = []
    fit, predict = XgbPredictor.fit, XgbPredictor.predict

    def watched_fit(self: Any, dataset: SurrogateDataset, rng: Any) -> Any:
        fitted.append(set(dataset.keys))
        return fit(self, dataset, rng)

    def watched_predict(self: Any, graphs: Any) -> Any:
        asked.append({graph.key for graph in graphs})
        return predict(self, graphs)

    monkeypatch.setattr(XgbPredictor, "fit", watched_fit)
    monkeypatch.setattr(XgbPredictor, "predict", watched_predict)
    told: list[tuple[int, int]] = []
    summary = summarise_study(study, chosen, lambda *state: told.append(state))
    assert told == [(done, 6) for done in range(7)]
    assert fitted == [searched] * 6
    assert len(asked) == 6
    assert all(len(keys) == 15 and not keys & searched for keys in asked)
    assert summary.gain_error is not None and summary.gain_error >= 0


def test_where_no_key_is_left_nothing_is_confirmed(graphs: Path, tmp_path: Path) -> None:
    chosen = config(graphs, train_keys=55)
    summary = summarise_study(run_study(chosen, tmp_path / "out"), chosen)
    assert summary.confirmation.startswith("none: the search left 5 keys unseen, and 10 are needed")
    assert summary.gain is summary.gain_error is summary.confirmed_best_tau is None
    best = write_summary(summary, chosen, tmp_path / "out")
    assert "confirmation: none" in best.read_text().splitlines()[0]
    assert load_fit_config(best).predictor == "xgb"


@pytest.mark.slow
def test_the_error_of_a_gain_is_that_of_other_keys() -> None:
    """Against the spread of the gain over fresh draws of keys, of which it knows one only."""
    rng = np.random.default_rng(0)

    def drawn() -> tuple[float, float]:
        labels = rng.normal(size=80)
        good, bad = (labels + rng.normal(0, noise, 80) for noise in (0.8, 1.0))
        gain = kendall_tau(good, labels) - kendall_tau(bad, labels)
        return gain, gain_error([good], [bad], labels)

    gains, errors = np.array([drawn() for _ in range(60)]).T
    assert np.mean(errors) == pytest.approx(np.std(gains), rel=0.3)
    same = [rng.normal(size=20)]
    assert gain_error(same, same, rng.normal(size=20)) == 0


def test_settings_of_a_part_are_named_with_its_table(graphs: Path, tmp_path: Path) -> None:
    space = {"xgb.max_depth": {"low": 2, "high": 5}, "folds": {"choices": [2, 5]}}
    settings = {"gnn_from": 1000, "xgb": {"members": 2, "rounds": 10}}
    chosen = config(graphs, predictor="stack", settings=settings, space=space, trials=2)
    made: Any = chosen.make_predictor({"xgb.max_depth": 3}).settings
    assert (made.xgb.max_depth, made.xgb.rounds, made.gnn_from) == (3, 10, 1000)
    summary = summarise_study(run_study(chosen, tmp_path / "out"), chosen)
    fit = load_fit_config(write_summary(summary, chosen, tmp_path / "out"))
    assert fit.settings.xgb.max_depth == summary.best["xgb.max_depth"]


def test_a_folder_holds_one_study(graphs: Path, tmp_path: Path) -> None:
    run_study(config(graphs, trials=1), tmp_path / "out")
    with pytest.raises(UserError, match="choose another --out"):
        run_study(config(graphs, trials=1, folds=3), tmp_path / "out")
    other = config(written(tmp_path / "other.jsonl", DATA.values + 1), trials=1)
    with pytest.raises(UserError, match="keys_sha256"):
        run_study(other, tmp_path / "out")
    rows = [json.loads(line) for line in graphs.read_text().splitlines()]
    for row in rows:
        row["ops"] = [op.replace("conv7d2", "linear") for op in row["ops"]]
    graphs.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(UserError, match="keys_sha256"):
        run_study(config(graphs, trials=1), tmp_path / "out")


def test_trials_of_other_code_are_not_mixed_in(
    graphs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_study(config(graphs, trials=1), tmp_path / "out")
    monkeypatch.setattr(study_module, "made_by", lambda: {"code": "edited"})
    with pytest.raises(UserError, match=r"code_and_versions is \w+ and .*; choose another --out"):
        run_study(config(graphs, trials=2), tmp_path / "out")


def test_a_search_that_is_stopped_again_and_again_repeats_no_trial(
    graphs: Path, tmp_path: Path
) -> None:
    for trials in range(1, 8):
        study = run_study(config(graphs, trials=trials), tmp_path / "out")
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 7


def test_another_name_is_another_study(graphs: Path, tmp_path: Path) -> None:
    run_study(config(graphs, trials=1), tmp_path / "out")
    with pytest.raises(UserError, match="has study and this run's name is 'other'"):
        run_study(config(graphs, trials=1, name="other"), tmp_path / "out")


@pytest.mark.parametrize("text", ["garbage\n", "{}\n", "3\n", '{"op_code": 0}\n'])
def test_what_is_no_journal_is_told(graphs: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / JOURNAL_FILE).write_text(text * 2)
    with pytest.raises(UserError, match="must be the journal of a study"):
        run_study(config(graphs, trials=1), tmp_path)


def test_a_search_may_be_cheaper_than_what_comes_out(graphs: Path, tmp_path: Path) -> None:
    chosen = config(graphs, settings={"members": 6}, search_settings={"members": 2, "rounds": 20})
    made: Any = chosen.make_predictor({"max_depth": 3}).settings
    assert (made.members, made.rounds, made.max_depth) == (2, 20, 3)
    summary = summarise_study(run_study(chosen, tmp_path / "out"), chosen)
    best = write_summary(summary, chosen, tmp_path / "out")
    # What was confirmed is not quite what is written, and the file says so.
    assert best.read_text().startswith("# Both taus are with members = 2, rounds = 20, as in the ")
    fit = load_fit_config(best)
    assert (fit.settings.members, fit.settings.rounds) == (6, 300)


def test_only_whole_settings_are_tried_in_whole_numbers(graphs: Path, tmp_path: Path) -> None:
    space = {"reg_lambda": {"low": 0, "high": 5}, "max_depth": {"low": 2, "high": 6, "step": 2}}
    study = run_study(config(graphs, space=space), tmp_path / "out")
    assert all(trial.params["max_depth"] in (2, 4, 6) for trial in study.trials)
    assert any(trial.params["reg_lambda"] % 1 for trial in study.trials)


def judge_that(fails: BaseException, *, at_trial: int) -> Any:
    """A stand-in for the judge of trials that ends one of them, once."""
    begun = -1

    def judge(_data: Any, _predictor: Any, _config: Any, part: int) -> float:
        nonlocal begun
        begun += part == 0
        if begun == at_trial:
            raise fails
        return 0.5 + 0.1 * part

    return judge


def test_a_stopped_trial_counts_for_nothing(
    graphs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(study_module, "held_out_tau", judge_that(KeyboardInterrupt(), at_trial=0))
        with pytest.raises(KeyboardInterrupt):
            run_study(config(graphs), tmp_path / "out")
    study = run_study(config(graphs), tmp_path / "out")
    states = [trial.state.name for trial in study.trials]
    assert states == ["FAIL", *["COMPLETE"] * 4]
    assert study.trials[1].params == config(graphs).defaults
    assert summarise_study(study, config(graphs)).failed == 0


def test_a_default_lost_in_a_kill_is_judged_for_the_summary(
    graphs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = summarise_study(run_study(config(graphs), tmp_path / "whole"), config(graphs))
    with monkeypatch.context() as patch:
        # No error that optuna knows: as after a kill, the trial seems to run for ever.
        patch.setattr(study_module, "held_out_tau", judge_that(SystemExit(), at_trial=0))
        with pytest.raises(SystemExit):
            run_study(config(graphs), tmp_path / "out")
    study = run_study(config(graphs), tmp_path / "out")
    assert all(trial.params != config(graphs).defaults for trial in study.trials[1:])
    assert summarise_study(study, config(graphs)).default_tau == whole.default_tau


def test_settings_that_are_refused_are_told_and_count(
    graphs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_module, "held_out_tau", judge_that(UserError("no"), at_trial=1))
    study = run_study(config(graphs), tmp_path / "out")
    assert [refusal(trial) for trial in study.trials] == [None, "no", None, None]
    assert summarise_study(study, config(graphs)).failed == 1
    monkeypatch.undo()
    chosen = config(graphs, folds=41, trials=1)
    study = run_study(chosen, tmp_path / "none")
    with pytest.raises(UserError, match="1 refused and 0 pruned ones; the first: 41 folds"):
        summarise_study(study, chosen)


def test_the_error_of_a_gain_allows_for_shared_training_keys() -> None:
    differences = np.array([0.0, 2.0, 0.0, 2.0])
    assert corrected_error(differences, folds=2) == pytest.approx(np.sqrt(1.25 * 4 / 3))
    many_folds = corrected_error(differences, folds=10**9)
    assert many_folds == pytest.approx(differences.std(ddof=1) / 2)


def test_importances_are_of_enough_trials_that_differ(graphs: Path, tmp_path: Path) -> None:
    space = {"max_depth": {"low": 1, "high": 5}, "reg_lambda": {"low": 0.9, "high": 1.1}}
    chosen = config(graphs, space=space, trials=12)
    study = run_study(chosen, tmp_path / "out")
    found = summarise_study(study, chosen).importances
    assert set(found) == {"max_depth", "reg_lambda"}
    assert sum(found.values()) == pytest.approx(1)
    few = config(graphs, space=space, trials=2)
    assert summarise_study(run_study(few, tmp_path / "few"), few).importances == {}


def test_a_study_whose_prior_table_changed_is_not_resumed(graphs: Path, tmp_path: Path) -> None:
    def run(trials: int) -> None:
        settings = {"table": str(tmp_path / "prior"), "target": "val_per"}
        space = {"residual.tuning_steps": {"low": 1, "high": 60}}
        changes = {"predictor": "prior", "settings": settings, "space": space, "trials": trials}
        run_study(config(graphs, **changes), tmp_path / "study")

    synthetic_table(20, noise=0.02).save(tmp_path / "prior")
    run(1)
    shutil.rmtree(tmp_path / "prior")
    synthetic_table(25, noise=0.02).save(tmp_path / "prior")
    with pytest.raises(UserError, match="its reads_sha256 is"):
        run(2)
