"""The curve model: laws of its forecasts, what it refuses, and its files."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.graph import CellGraph, cell_graph
from surrogate.curves import (
    CurveForecast,
    CurveModel,
    CurveSet,
    Subject,
    Widening,
    load_curve_model,
)
from surrogate.data.targets import Logit
from surrogate.predictors import Predictor, RidgePredictor, XgbPredictor, XgbSettings
from surrogate.testing.synthetic_curves import synthetic_curve_table
from train_benchmark.labels import EpochWindow, label_of, label_window
from train_benchmark.table.benchmark_table import BenchmarkTable

SCALE = Logit()
GRAPHS = [cell_graph(Cell.parse(text)) for text in ("10_100_1000", "31_210_0101", "conv9:1")]
PREFIX = (0.95, 0.93, 0.88)


@pytest.fixture(scope="module")
def curve_table() -> BenchmarkTable:
    return synthetic_curve_table(60)


@pytest.fixture(scope="module")
def model(curve_table: BenchmarkTable) -> CurveModel:
    return CurveModel.fit(curve_table, RidgePredictor, np.random.default_rng(0))


@pytest.fixture
def saved(model: CurveModel, tmp_path: Path) -> Path:
    model.save(tmp_path / "model")
    return tmp_path / "model"


def numbers(told: CurveForecast) -> list[bytes]:
    """All numbers of a forecast, to the bit."""
    fields = ("mean", "low", "high", "std", "std_model", "std_seed")
    parts = [getattr(part, name) for part in (told, told.val_per) for name in fields]
    return [
        b"" if part is None else part.tobytes()
        for part in (*parts, told.model_mean, told.model_std)
    ]


@pytest.mark.parametrize("of", ["training", "function"])
@pytest.mark.parametrize("graph", GRAPHS)
def test_nothing_observed_is_the_unconditional_forecast(
    model: CurveModel, graph: CellGraph, of: Subject
) -> None:
    assert numbers(model.forecast_given(graph, {}, of=of)) == numbers(
        model.forecast([graph], of=of)
    )


@settings(max_examples=30)
@given(st.data())
def test_observing_more_never_widens(model: CurveModel, data: st.DataObject) -> None:
    epochs = st.dictionaries(st.integers(1, model.epochs), st.floats(0, 1.5), max_size=6)
    more = data.draw(epochs)
    fewer = {epoch: more[epoch] for epoch in list(more)[: len(more) // 2]}
    for of in ("training", "function"):
        wide, narrow = (
            model.forecast_given(GRAPHS[0], seen, of=of).model_std for seen in (fewer, more)
        )
        assert (narrow <= wide + 1e-7).all()


def test_an_observed_training_is_told_as_it_was(model: CurveModel) -> None:
    told = model.forecast_given(GRAPHS[0], {2: 1.2, 5: 0.8})
    for part in (told.mean, told.low, told.high):
        assert part[0, [1, 4]].tolist() == [1.2, 0.8]
    assert told.std[0, [1, 4]].tolist() == [0, 0]
    assert (told.std[0, [0, 2, 3, 5]] > 0).all()


def test_the_function_is_reproduced_up_to_the_seed_noise(
    model: CurveModel, curve_table: BenchmarkTable
) -> None:
    """Seen in full, a training is within a few of its seed's deviations of the function."""
    for record in curve_table.records[:20]:
        graph = cell_graph(Cell.parse(record.cell))
        told = model.forecast_given(graph, record.val_per_curve, of="function")
        seed = model.forecast([graph]).std_seed
        assert seed is not None
        away = np.abs(SCALE.to_raw(told.model_mean) - record.val_per_curve)
        assert (away[0, 1:] < 4 * seed[0, 1:]).all()
        assert (told.model_std < model.forecast([graph], of="function").model_std).all()


def test_label_of_a_finished_training_is_its_own(model: CurveModel) -> None:
    curve = np.linspace(0.9, 0.6, model.epochs)
    label = model.forecast_given(GRAPHS[0], curve).val_per
    assert label.mean[0] == pytest.approx(curve[-6:].mean())
    assert label.std[0] == label.high[0] - label.low[0] == 0


@pytest.mark.parametrize("per", [0.0, 0.004, 0.995, 1.0, 1.2])
def test_a_label_that_was_seen_is_not_moved_to_the_clip(model: CurveModel, per: float) -> None:
    seen = dict.fromkeys(range(model.epochs - 5, model.epochs + 1), per)
    label = model.forecast_given(GRAPHS[0], seen).val_per
    assert label.mean == label.low == label.high == pytest.approx(per)
    assert label.std[0] == 0
    of_all_seeds = model.forecast_given(GRAPHS[0], seen, of="function").val_per
    assert of_all_seeds.low[0] < of_all_seeds.high[0]
    del seen[model.epochs]
    still_open = model.forecast_given(GRAPHS[0], seen).val_per
    assert still_open.low[0] < still_open.high[0]


def test_label_is_the_mean_of_the_epochs_that_the_tables_label_averages(
    model: CurveModel, curve_table: BenchmarkTable
) -> None:
    assert model.label_epochs == label_window("val_per", model.epochs) == EpochWindow(5, 10)
    told = model.forecast(GRAPHS)
    np.testing.assert_allclose(told.val_per.mean, told.mean[:, 4:].mean(axis=1), rtol=1e-9)
    record = curve_table.records[3]
    label = model.forecast_given(GRAPHS[0], record.val_per_curve).val_per.mean[0]
    assert label == pytest.approx(label_of(record, "val_per"))


def test_a_label_narrows_with_every_epoch_of_its_window(model: CurveModel) -> None:
    """Up to the first of them it can be no surer than its own epochs; then each counts."""
    curve = np.linspace(0.9, 0.6, model.epochs)
    stds = [
        model.forecast_given(GRAPHS[0], curve[:seen]).val_per.std_seed
        for seen in range(model.label_epochs.first - 1, model.epochs + 1)
    ]
    values = [float(std[0]) for std in stds if std is not None]
    assert len(values) == len(model.label_epochs) + 1
    assert values == sorted(values, reverse=True)
    assert values[-1] == 0 < values[-2]


@settings(max_examples=20)
@given(first=st.integers(1, 10))
def test_any_window_is_that_of_the_label(model: CurveModel, first: int) -> None:
    other = replace(model, label_epochs=EpochWindow(first, model.epochs))
    told = other.forecast(GRAPHS)
    np.testing.assert_allclose(told.val_per.mean, told.mean[:, first - 1 :].mean(axis=1))
    np.testing.assert_array_equal(told.mean, model.forecast(GRAPHS).mean)


def test_a_window_behind_the_last_epoch_is_refused(model: CurveModel) -> None:
    with pytest.raises(UserError, match="its 10 epochs, but averages epochs 9 to 11"):
        replace(model, label_epochs=EpochWindow(9, 11))


def test_parts_of_the_doubt_add_up(model: CurveModel) -> None:
    for told in (model.forecast(GRAPHS), model.forecast_given(GRAPHS[1], PREFIX)):
        for part in (told, told.val_per):
            assert part.std_seed is not None
            np.testing.assert_allclose(
                part.std**2, part.std_model**2 + part.std_seed**2, atol=1e-12
            )


def test_without_second_seeds_the_parts_are_not_known() -> None:
    single = CurveModel.fit(
        synthetic_curve_table(40, seeds=(1,)), RidgePredictor, np.random.default_rng(0)
    )
    told = single.forecast_given(GRAPHS[0], PREFIX)
    assert told.std_seed is None
    assert told.val_per.std_seed is None
    assert np.array_equal(told.std, told.std_model)


def test_intervals_are_nested_in_level_and_hold_the_mean(model: CurveModel) -> None:
    for observed in ({}, PREFIX):
        wide, narrow = (model.forecast_given(GRAPHS[0], observed, level) for level in (0.95, 0.6))
        assert (wide.low <= narrow.low).all()
        assert (narrow.low <= narrow.mean).all()
        assert (narrow.mean <= narrow.high).all()
        assert (narrow.high <= wide.high).all()


def test_forecasts_fall_where_the_table_falls(model: CurveModel) -> None:
    falling = model.curves.falling
    assert falling.tolist() == [True] * 5 + [False] * 4
    assert (np.diff(model.forecast(GRAPHS).mean, axis=1)[:, falling] <= 1e-12).all()
    # A rise that was seen is kept; what follows falls.
    told = model.forecast_given(GRAPHS[0], {1: 0.8, 2: 0.9})
    assert told.mean[0, 1] == 0.9
    assert (np.diff(told.mean[0, 2:6]) <= 1e-12).all()


def test_equal_keys_get_equal_answers_in_any_order(model: CurveModel) -> None:
    order = [2, 0, 1, 0]
    one, other = model.forecast(GRAPHS), model.forecast([GRAPHS[i] for i in order])
    np.testing.assert_allclose(other.mean, one.mean[order], rtol=1e-12)
    assert np.array_equal(other.mean[1], other.mean[3])


def test_order_of_rows_does_not_matter(model: CurveModel, curve_table: BenchmarkTable) -> None:
    shuffled = BenchmarkTable(curve_table.metadata, curve_table.records[::-1])
    again = CurveModel.fit(shuffled, RidgePredictor, np.random.default_rng(0))
    assert numbers(again.forecast(GRAPHS)) == numbers(model.forecast(GRAPHS))


@pytest.mark.parametrize(
    ("observed", "message"),
    [
        ({0: 0.9}, r"1 \.\. 10.*got 0"),
        ({11: 0.9}, r"1 \.\. 10.*got 11"),
        ([0.9] * 11, r"1 \.\. 10.*got 11"),
        ([0.9, float("nan")], r"\[0, 1.5\].*epoch 2 is nan"),
        ([float("inf")], "epoch 1 is inf"),
        ([-0.1], "epoch 1 is -0.1"),
        ([95.0, 90.0], "divide percents by 100"),
        ({1.5: 0.9}, "whole epochs"),
        ([10**400], "whole epochs and numbers"),
        ({True: 0.9}, "whole epochs"),
        (["high"], "numbers"),
        ([None], "numbers"),
        ("0.9", "mapping from epoch"),
        (0.9, "mapping from epoch"),
    ],
)
def test_what_cannot_be_observed_is_refused(
    model: CurveModel, observed: object, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        model.forecast_given(GRAPHS[0], observed)  # type: ignore[arg-type]


def test_sequence_mapping_and_array_say_the_same(model: CurveModel) -> None:
    as_mapping = {3: PREFIX[2], 1: PREFIX[0], 2: PREFIX[1]}
    expected = numbers(model.forecast_given(GRAPHS[0], PREFIX))
    for observed in (list(PREFIX), np.array(PREFIX), as_mapping):
        assert numbers(model.forecast_given(GRAPHS[0], observed)) == expected


def test_levels_and_subjects_out_of_range_are_refused(model: CurveModel) -> None:
    for level in (0.0, 1.0, 1.5):
        with pytest.raises(UserError, match=r"in \(0, 1\)"):
            model.forecast(GRAPHS, level)
    with pytest.raises(UserError, match="can bound a level"):
        model.forecast(GRAPHS, 0.9999)
    with pytest.raises(UserError, match="'training', 'function'"):
        model.forecast(GRAPHS, of="seed")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "make_predictor",
    [RidgePredictor, lambda: XgbPredictor(XgbSettings(members=2, rounds=20))],
    ids=["ridge", "xgb"],
)
def test_loaded_model_answers_to_the_bit(
    make_predictor: Callable[[], Predictor], curve_table: BenchmarkTable, tmp_path: Path
) -> None:
    model = CurveModel.fit(curve_table, make_predictor, np.random.default_rng(0), folds=3)
    model.save(tmp_path / "model")
    loaded = load_curve_model(tmp_path / "model")
    assert numbers(loaded.forecast(GRAPHS)) == numbers(model.forecast(GRAPHS))
    for of in ("training", "function"):
        one, other = (m.forecast_given(GRAPHS[2], PREFIX, of=of) for m in (model, loaded))
        assert numbers(one) == numbers(other)


def test_an_existing_folder_is_never_written_to(model: CurveModel, saved: Path) -> None:
    before = sorted(saved.rglob("*"))
    with pytest.raises(UserError, match="exists"):
        model.save(saved)
    assert sorted(saved.rglob("*")) == before
    assert [path.name for path in saved.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("name", ["curves.npz", "coefficient-1/predictor.json"])
def test_corrupt_and_missing_files_are_noticed(saved: Path, name: str) -> None:
    content = (saved / name).read_bytes()
    (saved / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match=r"corrupt.*fit it again"):
        load_curve_model(saved)
    (saved / name).unlink()
    with pytest.raises(UserError, match="fit it again"):
        load_curve_model(saved)


def test_a_model_of_the_version_before_has_the_label_of_then(
    model: CurveModel, saved: Path
) -> None:
    """That version named no window: its label was the mean over the last five epochs."""
    header = saved / "curves.json"
    plain = json.loads(header.read_text())
    assert plain.pop("label_epochs") == {"first": 5, "last": 10}
    header.write_text(json.dumps({**plain, "schema_version": 1}))
    before = load_curve_model(saved)
    assert before.label_epochs == EpochWindow(6, 10)
    told = before.forecast(GRAPHS)
    np.testing.assert_allclose(told.val_per.mean, told.mean[:, -5:].mean(axis=1), rtol=1e-9)
    np.testing.assert_array_equal(told.mean, model.forecast(GRAPHS).mean)


def test_another_version_or_no_folder_is_refused(saved: Path) -> None:
    header = saved / "curves.json"
    header.write_text(header.read_text().replace('"schema_version": 2', '"schema_version": 99'))
    with pytest.raises(UserError, match="schema version 1 or 2, but has 99"):
        load_curve_model(saved)
    shutil.rmtree(saved)
    with pytest.raises(UserError, match="fit it again"):
        load_curve_model(saved)


def test_a_forecast_needs_numpy_alone(saved: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from surrogate.curves import load_curve_model\n"
        "from graph_encoding.cell import Cell; from graph_encoding.graph import cell_graph\n"
        f"model = load_curve_model(Path({str(saved)!r}))\n"
        "model.forecast_given(cell_graph(Cell.parse('10_100_1000')), [0.9])\n"
        "print(*sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"lightgbm", "pandas", "pyarrow", "scipy", "sklearn", "torch", "xgboost"}
    assert heavy & set(result.stdout.split()) == set()


def test_collapsed_trainings_do_not_rule_the_rest(
    model: CurveModel, curve_table: BenchmarkTable
) -> None:
    """Three trainings that never learned hardly move the forecasts of other cells."""
    records = list(curve_table.records)
    for i in (10, 50, 90):
        records[i] = replace(records[i], val_per_curve=(1.0,) * model.epochs)
    collapsed = BenchmarkTable(curve_table.metadata, tuple(records))
    other = CurveModel.fit(collapsed, RidgePredictor, np.random.default_rng(0))
    one, two = (m.forecast(GRAPHS[:2]).val_per for m in (model, other))
    assert np.abs(one.mean - two.mean).max() < 0.03


def test_observed_epochs_help_where_the_graph_cannot_know() -> None:
    """In the made-up law, how early a curve falls is the function's own and shows in epoch 3."""
    curves = CurveSet.from_table(synthetic_curve_table(80, start=7), SCALE)
    train = curves.subset(range(60))
    model = CurveModel.fit_curves(train, SCALE, RidgePredictor, np.random.default_rng(0))
    errors = []
    for prefix in (0, 3):
        wrong = []
        for row in np.flatnonzero(curves.owners >= 60):
            truth = SCALE.to_raw(curves.values[row])
            graph = curves.graphs[curves.owners[row]]
            told = model.forecast_given(graph, truth[:prefix]).mean[0]
            wrong.append(np.abs(told - truth)[3:6].mean())
        errors.append(np.mean(wrong))
    assert errors[1] < 0.6 * errors[0]


@pytest.mark.slow
@pytest.mark.parametrize("prefix", [0, 3, 7])
def test_nine_in_ten_new_functions_lie_in_their_intervals(prefix: int) -> None:
    """Pooled over eight tables: 320 unseen functions with 2 trainings each."""
    held = []
    for start in range(8):
        curves = CurveSet.from_table(synthetic_curve_table(140, start=start), SCALE)
        model = CurveModel.fit_curves(
            curves.subset(range(100)), SCALE, RidgePredictor, np.random.default_rng(start)
        )
        for row in np.flatnonzero(curves.owners >= 100):
            truth = SCALE.to_raw(curves.values[row])
            told = model.forecast_given(curves.graphs[curves.owners[row]], truth[:prefix])
            held.append(((told.low <= truth) & (truth <= told.high))[0, prefix:])
    # 640 trainings, two of a function: a standard error of about 0.014.
    assert np.mean(held) == pytest.approx(0.9, abs=0.03)
    assert np.mean(held, axis=0) == pytest.approx(0.9, abs=0.06)


@settings(deadline=None)
@given(st.floats(1, 30), st.sampled_from(GRAPHS), st.sampled_from(["training", "function"]))
def test_widening_never_narrows_and_keeps_the_mean(
    model: CurveModel, factor: float, graph: CellGraph, of: Subject
) -> None:
    plain = model.forecast([graph], 0.8, of=of)
    wide = model.forecast([graph], 0.8, of=of, widening=Widening(*[np.array([factor])] * 2))
    assert (wide.mean == plain.mean).all()
    assert (wide.low <= plain.low).all()
    assert (wide.high >= plain.high).all()
    assert (wide.low <= wide.mean).all()
    assert (wide.mean <= wide.high).all()
    assert (wide.std_model >= plain.std_model).all()


def test_intervals_hold_error_rates_of_one_as_often_as_others() -> None:
    """Early in training most error rates are those of a network without output."""
    table = synthetic_curve_table(80, start=3)
    blank = tuple(
        replace(r, val_per_curve=(1.0 if i % 3 else 0.985, *r.val_per_curve[1:]))
        for i, r in enumerate(table.records)
    )
    changed = BenchmarkTable(table.metadata, blank)
    model = CurveModel.fit(changed, RidgePredictor, np.random.default_rng(0))
    curves = CurveSet.from_table(changed, SCALE)
    told = model.forecast(curves.graphs, 0.9)
    assert (told.high[:, 0] == 1.0).mean() > 0.9
    assert (told.low[:, 0] < told.mean[:, 0]).all()
