"""Predictions from the table of another recipe and few trainings."""

import math
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from graph_encoding.common.errors import UserError
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.targets import TEST_PER, VAL_PER
from surrogate.fitting.config import default_fit_config, load_fit_config, with_prior_table
from surrogate.jobs.provenance import made_with
from surrogate.predictors import (
    GpPredictor,
    GpSettings,
    PriorPredictor,
    PriorSettings,
    load_predictor,
    prior,
)
from surrogate.testing.synthetic import synthetic_dataset, synthetic_table
from train_benchmark.table.benchmark_table import BenchmarkTable


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> SurrogateDataset:
    """400 labels of the prior recipe, which a fit reads in place of a table."""
    data = synthetic_dataset(400).sorted_by_key()
    fitted = GpPredictor(GpSettings(tuning_points=150)).fit(data, np.random.default_rng(0))
    labels = dict(zip(data.keys, data.values.tolist(), strict=True))
    table = SimpleNamespace(labels_of=lambda key, _label: {1: labels[key]} if key in labels else {})
    monkeypatch.setattr(prior, "_fitted_prior", lambda *_: fitted)
    monkeypatch.setattr(prior, "_table", lambda _name: table)
    return data


def expensive(cheap: SurrogateDataset) -> SurrogateDataset:
    """Labels of another recipe: a line in those of the first on the model scale, and noise."""
    noise = 0.05 * np.random.default_rng(3).normal(size=len(cheap))
    values = VAL_PER.transform.to_raw(0.4 + 0.7 * cheap.model_values + noise)
    return replace(cheap, values=values)


def error(predicted: np.ndarray, data: SurrogateDataset) -> float:
    return float(np.sqrt(np.mean((predicted - data.model_values) ** 2)))


def test_few_labels_with_a_prior_beat_few_labels_alone(cheap: SurrogateDataset) -> None:
    data = expensive(cheap)
    rows = np.random.default_rng(1).permutation(len(data))
    train, test = data.subset(np.sort(rows[:30])), data.subset(np.sort(rows[30:]))
    with_prior = PriorPredictor().fit(train, np.random.default_rng(0)).predict(test.graphs)
    alone = GpPredictor().fit(train, np.random.default_rng(0)).predict(test.graphs)
    assert error(with_prior.mean, test) < 0.8 * error(alone.mean, test)


def test_the_table_of_the_labels_is_refused(cheap: SurrogateDataset) -> None:
    with pytest.raises(UserError, match="another recipe than the labels, but 50 of 50 functions"):
        PriorPredictor().fit(cheap.subset(np.arange(50)), np.random.default_rng(0))


def test_the_line_is_found(cheap: SurrogateDataset) -> None:
    found = PriorPredictor().fit(expensive(cheap), np.random.default_rng(0))
    assert found._line[1] == pytest.approx(0.7, abs=0.15)


def uneven(cheap: SurrogateDataset, growth: float) -> SurrogateDataset:
    """Labels around the forecast of the first recipe; the noise's log size is a line in it."""
    forecast = prior._fitted_prior("", "", VAL_PER, GpSettings()).predict(cheap.graphs).mean
    around = (forecast - forecast.mean()) / forecast.std()
    noise = 0.02 * np.exp(growth * around) * np.random.default_rng(3).normal(size=len(cheap))
    return replace(cheap, values=VAL_PER.transform.to_raw(forecast + noise))


@pytest.mark.parametrize("growth", [-0.8, 0.0, 0.8])
def test_widths_follow_the_size_of_the_residuals(cheap: SurrogateDataset, growth: float) -> None:
    data = uneven(cheap, growth)
    rows = np.random.default_rng(1).permutation(len(data))
    train, test = data.subset(np.sort(rows[:200])), data.subset(np.sort(rows[200:]))
    found = PriorPredictor().fit(train, np.random.default_rng(0)).predict(test.graphs)
    z = (test.model_values - found.mean) / found.std
    thirds = np.array_split(np.argsort(found.mean, kind="stable"), 3)
    for third in thirds:
        assert 0.6 < np.sqrt(np.mean(z[third] ** 2)) < 1.6
    low, _, high = (math.log(found.std[third].mean()) for third in thirds)
    assert high - low == pytest.approx(2 * growth, abs=0.6)


def test_fits_with_one_size_are_read(cheap: SurrogateDataset, tmp_path: Path) -> None:
    """Those of earlier versions had a `unit` for all residuals."""
    fitted = PriorPredictor().fit(expensive(cheap), np.random.default_rng(0))
    learned = {k: v for k, v in fitted._learned().items() if not k.startswith("size_")}
    learned["unit"] = np.array([0.3])
    fitted._learned = lambda: learned  # type: ignore[method-assign]
    fitted.save(tmp_path / "p")
    sizes = load_predictor(tmp_path / "p")._sizes
    assert sizes.at(np.array([0.1, 3.0])) == pytest.approx([0.3, 0.3])


def test_a_recipe_that_is_a_line_in_the_other_is_learned(cheap: SurrogateDataset) -> None:
    forecast = prior._fitted_prior("", "", VAL_PER, GpSettings()).predict(cheap.graphs).mean
    values = VAL_PER.transform.to_raw(0.4 + 0.7 * forecast)
    data = replace(cheap, values=values).subset(np.arange(0, 400, 4))
    found = PriorPredictor().fit(data, np.random.default_rng(0)).predict(cheap.graphs)
    assert found.mean == pytest.approx(0.4 + 0.7 * forecast, abs=1e-4)
    assert np.isfinite(found.std).all() and (found.std > 0).all()


def test_a_fit_is_read_without_the_table(cheap: SurrogateDataset, tmp_path: Path) -> None:
    data = expensive(cheap)
    fitted = PriorPredictor(PriorSettings(table="gone")).fit(data, np.random.default_rng(0))
    fitted.save(tmp_path / "p")
    before, after = fitted.predict(data.graphs), load_predictor(tmp_path / "p").predict(data.graphs)
    assert np.array_equal(before.mean, after.mean)
    assert np.array_equal(before.std, after.std)


def test_a_prior_table_chooses_the_predictor(tmp_path: Path) -> None:
    chosen = with_prior_table(default_fit_config(), "timit-micro")
    assert (chosen.predictor, chosen.settings.table) == ("prior", "timit-micro")
    file = tmp_path / "own.toml"
    file.write_text('predictor = "prior"\n[settings.residual]\nmax_points = 50\n', encoding="utf-8")
    own = with_prior_table(load_fit_config(file), "synth-micro")
    assert (own.settings.table, own.settings.residual.max_points) == ("synth-micro", 50)
    for other in ("ridge", "stack"):
        file.write_text(f'predictor = "{other}"\n', encoding="utf-8")
        with pytest.raises(UserError, match="used by the predictor 'prior' only"):
            with_prior_table(load_fit_config(file), "synth-micro")


def test_stored_fits_depend_on_the_content_of_the_prior_table() -> None:
    (of_synth,) = PriorPredictor(PriorSettings(table="synth-micro")).reads.values()
    (of_timit,) = PriorPredictor(PriorSettings(table="timit-micro")).reads.values()
    assert of_synth != of_timit
    for table, checksum in (("synth-micro", of_synth), ("timit-micro", of_timit)):
        made = made_with([GpPredictor(), PriorPredictor(PriorSettings(table=table))])
        assert made["reads"] == [{}, {table: checksum}]


def test_another_label_of_the_table_is_refused_too() -> None:
    """It knows nearly as much of held-out functions as the labels themselves."""
    data = SurrogateDataset.from_table(BenchmarkTable.load("synth-micro"), TEST_PER, "mean")
    settings = PriorSettings(table="synth-micro", target="val_per")
    with pytest.raises(UserError, match="another recipe than the labels, but 40 of 40"):
        PriorPredictor(settings).fit(data.subset(np.arange(40)), np.random.default_rng(0))


def test_a_prior_table_that_was_made_anew_is_read_anew(tmp_path: Path) -> None:
    predictor = PriorPredictor(PriorSettings(table=str(tmp_path / "t")))
    synthetic_table(5).save(tmp_path / "t")
    before = predictor.reads
    shutil.rmtree(tmp_path / "t")
    synthetic_table(6).save(tmp_path / "t")
    assert predictor.reads != before
