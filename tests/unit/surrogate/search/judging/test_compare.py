"""Comparisons are resumed, paired, and judged by the truth alone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph_encoding.common.errors import UserError
from surrogate.data.targets import VAL_PER
from surrogate.search import Truth, TruthRow
from surrogate.search.judging import compare
from surrogate.search.judging.compare import run_comparison
from surrogate.search.judging.config import CompareConfig, load_compare_config
from surrogate.search.judging.judge import Judge
from surrogate.search.judging.summary import (
    ScoreRow,
    SearchRun,
    curve_rows,
    run_scores,
    summarise_comparison,
)
from tests.unit.surrogate.search.helpers import SMALL, space_table

TRUTH = Truth(
    VAL_PER, tuple(TruthRow(k, m, 0.0, 1) for k, m in zip("abcd", (3, 1, 4, 2), strict=True))
)
JUDGE = Judge(TRUTH, frozenset("abcd"))
RUN = SearchRun(
    "one",
    0,
    ("c", "a", "d", "b"),
    ((2, ("a",)), (4, ("d",))),
    (4, 1, 4, 4),
    (False,) * 4,
    (4.0, 3.0, 2.0, 1.0),
)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables") / "small"
    space_table().save(folder)
    return folder


def config_of(table: Path) -> CompareConfig:
    return CompareConfig.model_validate(
        {
            "table": str(table),
            "nodes": SMALL.nodes,
            "ops": SMALL.ops,
            "seeds": (1,),
            "budget": 12,
            "repeats": 3,
            "shares": (0.05,),
            "truth": {"predictor": "ridge", "folds": 3},
            "searchers": {
                "random": {},
                "old": {"kind": "evolution", "settings": {"population": 5, "sample": 2}},
            },
        }
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in (".json", ".parquet") and path.name != "summary.json"
    }


def test_one_or_two_processes_and_a_kill_give_the_same_bytes(table: Path, tmp_path: Path) -> None:
    config = config_of(table)
    summary = run_comparison(config, tmp_path / "one")

    class Killed(Exception):  # noqa: N818
        pass

    def stop(done: int, total: int) -> None:
        assert total == 6
        if done == 4:
            raise Killed

    with pytest.raises(Killed):
        run_comparison(config, tmp_path / "killed", on_progress=stop)
    counts: list[int] = []
    again = run_comparison(
        config, tmp_path / "killed", workers=2, on_progress=lambda done, _: counts.append(done)
    )
    assert counts == [4, 5, 6]
    assert contents(tmp_path / "one") == contents(tmp_path / "killed")
    assert again.rows == summary.rows
    assert summary.truth_sha256 == again.truth_sha256
    assert {row.searcher for row in summary.rows} == {"random", "old"}
    own = [row for row in summary.rows if row.searcher == summary.reference]
    assert all(row.ratio == 1 and row.difference == 0 for row in own)


def test_without_a_table_forecasts_are_the_truth_about_what_was_trained(tmp_path: Path) -> None:
    searchers = {"random": {}, "guided": {"batch": 5}}
    config = CompareConfig.model_validate(
        {
            "artifact": "timit-micro",
            "nodes": 4,
            "ops": ("conv3", "conv9", "linear"),
            "shares": (),
            "budget": 10,
            "repeats": 2,
            "searchers": searchers,
        }
    )
    summary = run_comparison(config, tmp_path)
    assert list(summary.truth_sources) == ["forecast of an artifact"]
    assert {row.metric for row in summary.rows} == {"regret"}
    runs = [json.loads(path.read_text()) for path in (tmp_path / "runs").glob("*.json")]
    least = min(cost for run in runs for cost in run["costs"])
    for row in summary.rows:
        own = [run for run in runs if run["searcher"] == row.searcher]
        found = [dict(zip(run["trained"], run["costs"], strict=True)) for run in own]
        picks = [run["recommended"][-1][1][0] for run in own]
        costs = [seen[key] for seen, key in zip(found, picks, strict=True)]
        assert row.mean == pytest.approx(np.mean(costs) - least)


def test_a_refined_truth_of_all_functions_takes_no_estimate(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = config_of(table)
    first = run_comparison(config, tmp_path / "first")
    (refined,) = (tmp_path / "first/truths").glob("*.parquet")
    truth = config.truth.model_copy(update={"refined": refined})

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("an estimate that nothing uses")

    monkeypatch.setattr(compare, "interim_truth", fail)
    again = run_comparison(config.model_copy(update={"truth": truth}), tmp_path / "again")
    assert not list((tmp_path / "again/truths").iterdir())
    assert again.rows == first.rows
    assert again.truth_sources == {"refined": len(SMALL.functions)}


def test_refined_rows_of_another_space_are_refused_before_an_estimate_is_made(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text('[{"key": "of another space", "mean": 0.5, "sem": 0.1, "n_seeds": 2}]')
    config = config_of(table)
    truth = config.truth.model_copy(update={"refined": rows})

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("an estimate that nothing uses")

    monkeypatch.setattr(compare, "interim_truth", fail)
    with pytest.raises(UserError, match="of functions of the space, but 1 are not, such as 'of an"):
        run_comparison(config.model_copy(update={"truth": truth}), tmp_path / "out")


@pytest.mark.parametrize(
    ("further", "message"),
    [
        ({"truth": {"refined": "nope.parquet"}}, "nope.parquet must have rows with key"),
        (
            {"second": "test_per", "hypervolume_reference": (1, 1)},
            "a second objective must be a latency setting, params or macs",
        ),
        (
            {"second": "params", "hypervolume_reference": (1, 1)},
            "hypervolume_reference must be worse than some function",
        ),
    ],
)
def test_what_searches_are_judged_by_is_checked_before_they_run(
    further: dict[str, object], message: str, table: Path, tmp_path: Path
) -> None:
    plain = config_of(table).model_dump(mode="json", exclude_unset=True)
    config = CompareConfig.model_validate({**plain, "searchers": {"random": {}}, **further})
    with pytest.raises(UserError, match=message):
        run_comparison(config, tmp_path)
    assert not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize(
    ("further", "message"),
    [
        (
            {"second": "params", "hypervolume_reference": (1, 1e9)},
            "searcher old: searcher 'evolution' handles at most 1 objective",
        ),
        (
            {"searchers": {"random": {}, "local": {"warm_start": {"table": "synth-micro"}}}},
            "searcher local: a warm start must have at least 2 functions",
        ),
        (
            {"target": "test_per", "searchers": {"random": {}, "local": {"stopping": "forecast"}}},
            "searcher local: early stopping needs a first objective",
        ),
        ({"table": "timit-micro", "seeds": (1235, 1236)}, "with seed 1235"),
    ],
)
def test_searchers_that_cannot_start_are_found_before_the_first_search(
    further: dict[str, object], message: str, table: Path, tmp_path: Path
) -> None:
    plain = config_of(table).model_dump(mode="json", exclude_unset=True)
    with pytest.raises(UserError, match=message):
        run_comparison(CompareConfig.model_validate({**plain, **further}), tmp_path)
    assert not list((tmp_path / "runs").iterdir())


def test_searches_by_edited_code_are_run_again(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code of a searcher from a module of one's own decides its results too."""
    module = tmp_path / "own_searcher.py"
    module.write_text(
        "from surrogate.search.searchers import RandomSearcher\n"
        "class Mine(RandomSearcher):\n    name = 'mine'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    plain = config_of(table).model_dump(mode="json")
    config = CompareConfig.model_validate(
        {**plain, "repeats": 1, "searchers": {"mine": {"kind": "own_searcher:Mine"}}}
    )
    run_comparison(config, tmp_path / "out")
    run_comparison(config, tmp_path / "out")
    assert len(list((tmp_path / "out/runs").glob("*.json"))) == 1
    module.write_text(module.read_text() + "# edited\n")
    run_comparison(config, tmp_path / "out")
    assert len(list((tmp_path / "out/runs").glob("*.json"))) == 2


def scores_of(run: SearchRun, judge: Judge, share: float, budget: int) -> dict[str, float]:
    return {row.metric: row.value for row in run_scores(run, judge, (share,), budget, 4)}


def test_regret_is_that_of_the_recommendation_and_not_of_the_best_trained() -> None:
    rows = curve_rows(RUN, JUDGE, 4)
    assert [row.regret for row in rows] == [None, 2, 2, 1]
    assert [row.least_regret for row in rows] == [3, 2, 1, 0]
    assert [row.epochs for row in rows] == [4, 5, 9, 13]
    expected = {"regret": 1, "trainings_to_0.25": 4, "epochs_to_0.25": 13}
    assert scores_of(RUN, JUDGE, 0.25, 4) == expected


def test_a_training_that_was_stopped_has_not_found_a_function() -> None:
    stopped = replace(RUN, stopped=(False, False, True, True))
    assert scores_of(stopped, JUDGE, 0.25, 4)["trainings_to_0.25"] == 8
    assert scores_of(stopped, JUDGE, 0.25, 4)["epochs_to_0.25"] == 32
    assert scores_of(stopped, JUDGE, 0.75, 4)["trainings_to_0.75"] == 2


def test_a_training_that_failed_has_not_found_a_function() -> None:
    failed = replace(RUN, costs=(4.0, 3.0, 2.0, None))
    assert scores_of(failed, JUDGE, 0.25, 4)["trainings_to_0.25"] == 8
    assert [row.least_regret for row in curve_rows(failed, JUDGE, 4)] == [3, 2, 1, 1]
    two = Judge(TRUTH, frozenset("abcd"), {"a": 1, "b": 2, "c": 2, "d": 3}, (5.0, 4.0))
    shares = [row.hypervolume for row in curve_rows(failed, two, 4)]
    assert shares[3] == shares[2] < 1


def test_limits_are_judged_by_what_is_allowed() -> None:
    """The recommended d has a lower truth than all that are allowed: no credit for that."""
    judge = Judge(TRUTH, frozenset("ac"))
    assert scores_of(RUN, judge, 0.5, 4) == {
        "regret": judge.regret("c"),
        "violation": 1,
        "trainings_to_0.5": 2,
        "epochs_to_0.5": 5,
    }


def test_hypervolumes_are_shares_of_the_true_front_s() -> None:
    judge = Judge(TRUTH, frozenset("abcd"), {"a": 1, "b": 2, "c": 2, "d": 3}, (5.0, 4.0))
    # The front is a (3, 1) and b (1, 2): 2 x 1 + 4 x 2.
    assert judge.hypervolume("ab") == 1
    assert judge.hypervolume("b") == 0.8
    scores = scores_of(RUN, judge, 0.5, 4)
    assert scores["trainings_to_hypervolume"] == 4
    assert scores["missing_hypervolume"] == pytest.approx(1 - 3 / 10)


def test_intervals_are_paired() -> None:
    """Repeats that differ much but by the same factor have an exact ratio."""
    values = np.random.default_rng(0).uniform(1, 10, 20)
    scores = [
        ScoreRow(name, i, "regret", factor * value)
        for name, factor in (("one", 1.0), ("twice", 2.0))
        for i, value in enumerate(values)
    ]
    summary = summarise_comparison(
        "test", scores, TRUTH, reference="one", budget=4, seed=0, costs={}
    )
    (twice,) = [row for row in summary.rows if row.searcher == "twice"]
    assert twice.ratio_low == pytest.approx(0.5) and twice.ratio_high == pytest.approx(0.5)
    assert twice.difference_low < twice.difference < twice.difference_high < 0


def test_ratios_to_zero_are_large_and_finite() -> None:
    scores = [ScoreRow(name, 0, "regret", value) for name, value in (("one", 5.0), ("none", 0.0))]
    summary = summarise_comparison(
        "test", scores, TRUTH, reference="one", budget=4, seed=0, costs={}
    )
    ratios = {row.searcher: row.ratio for row in summary.rows}
    assert ratios["one"] == 1
    assert 1e300 < ratios["none"] < np.inf


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[searchers]\n", "searchers"),
        ("budget = 0\n[searchers.random]\n", "budget"),
        ("shares = [2.0]\n[searchers.random]\n", "shares must be in"),
        ("reference = 'x'\n[searchers.random]\n", "reference must be a searcher"),
        ("[searchers.random]\nbatches = 1\n", "batches"),
        ("artifact = 'x'\n[searchers.random]\nshuffled = true\n", "but has shares, shuffled"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(UserError, match=message):
        load_compare_config(tmp_path / "c.toml")


def test_an_unknown_searcher_or_setting_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[searchers.x]\nkind = 'none'\n")
    with pytest.raises(UserError, match="unknown searcher 'none'"):
        load_compare_config(tmp_path / "c.toml").choices()
    (tmp_path / "c.toml").write_text("[searchers.evolution.settings]\nsize = 3\n")
    with pytest.raises(UserError, match="population, sample"):
        load_compare_config(tmp_path / "c.toml").choices()
