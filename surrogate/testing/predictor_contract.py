"""The laws of `Predictor`, as a suite that any implementation can be run through.

Subclass `PredictorContract` in a test module and give it a fixture `kind`:

    class TestMine(PredictorContract):
        @pytest.fixture
        def kind(self) -> type[Predictor]:
            return MyPredictor

A predictor that is slow to fit may be tested with cheaper settings by a fixture `settings`.
"""

import functools
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.graph import CellGraph, cell_graph
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.prediction import Prediction
from surrogate.predictors import Predictor, load_predictor
from surrogate.testing.synthetic import synthetic_dataset, with_features

_FIT_AND_PRINT = """
import importlib, json, sys
import numpy as np
from surrogate.testing.synthetic import synthetic_dataset
kind = getattr(importlib.import_module(sys.argv[1]), sys.argv[2])
data = synthetic_dataset(40)
settings = kind.settings_type(**json.loads(sys.argv[3]))
prediction = kind(settings).fit(data, np.random.default_rng(7)).predict(data.graphs)
print(prediction.mean.tobytes().hex(), prediction.std.tobytes().hex())
"""


_MANY = 10_000

_fitted: dict[tuple[type[Predictor], str], Predictor] = {}
"""Predictor and settings -> its fit: no test changes one, and a stack takes a second."""


@functools.cache
def _data() -> SurrogateDataset:
    return synthetic_dataset(40)


@functools.cache
def _many_graphs() -> tuple[CellGraph, ...]:
    rng = np.random.default_rng(0)
    cells = CellSpace(nodes=4).sample_distinct(_MANY, Semantics.PAPER, rng)
    return tuple(cell_graph(cell) for cell in cells.values())


class PredictorContract:
    """What every predictor must do."""

    @pytest.fixture
    def kind(self) -> type[Predictor]:
        """The class under test; override it."""
        raise NotImplementedError

    @pytest.fixture
    def settings(self, kind: type[Predictor]) -> Any:
        """Settings that it is tested with."""
        return kind.settings_type()

    @pytest.fixture
    def data(self) -> SurrogateDataset:
        """40 labelled graphs."""
        return _data()

    @pytest.fixture
    def fitted(self, kind: type[Predictor], settings: Any, data: SurrogateDataset) -> Predictor:
        """A fitted predictor; the tests of a predictor share it."""
        key = kind, json.dumps(asdict(settings), sort_keys=True)
        if key not in _fitted:
            _fitted[key] = kind(settings).fit(data, np.random.default_rng(7))
        return _fitted[key]

    def test_unfitted_predict_names_the_missing_call(
        self, kind: type[Predictor], settings: Any, data: SurrogateDataset
    ) -> None:
        """Asking too early is an error that says what to call."""
        with pytest.raises(UserError, match=r"fit\(dataset, rng\)"):
            kind(settings).predict(data.graphs)

    def test_unfitted_save_names_the_missing_call(
        self, kind: type[Predictor], settings: Any, tmp_path: Path
    ) -> None:
        """Saving too early is an error that says what to call."""
        with pytest.raises(UserError, match=r"fit\(dataset, rng\)"):
            kind(settings).save(tmp_path / "p")

    def test_fit_gives_the_predictor_itself(
        self, kind: type[Predictor], settings: Any, data: SurrogateDataset
    ) -> None:
        """`fit` can be chained."""
        predictor = kind(settings)
        assert predictor.fit(data, np.random.default_rng(0)) is predictor

    def test_too_few_keys_are_refused(
        self, kind: type[Predictor], settings: Any, data: SurrogateDataset
    ) -> None:
        """One key teaches nothing."""
        with pytest.raises(UserError, match="at least 2 keys"):
            kind(settings).fit(data.subset([0]), np.random.default_rng(0))

    def test_two_keys_can_be_fitted(
        self, kind: type[Predictor], settings: Any, data: SurrogateDataset
    ) -> None:
        """The smallest dataset works."""
        predictor = kind(settings).fit(data.subset([0, 1]), np.random.default_rng(0))
        prediction = predictor.predict(data.graphs)
        assert len(prediction) == len(data)

    def test_no_graphs_give_no_answers(self, fitted: Predictor) -> None:
        """An empty question has an empty answer."""
        assert len(fitted.predict([])) == 0

    def test_order_of_graphs_does_not_change_answers(
        self, fitted: Predictor, data: SurrogateDataset
    ) -> None:
        """Each graph is answered for itself."""
        order = np.random.default_rng(1).permutation(len(data))
        straight = fitted.predict(data.graphs)
        shuffled = fitted.predict([data.graphs[i] for i in order])
        _assert_close(shuffled, Prediction(straight.mean[order], straight.std[order]))

    def test_size_of_the_batch_does_not_change_answers(
        self, fitted: Predictor, data: SurrogateDataset
    ) -> None:
        """One graph alone is answered as among others."""
        whole = fitted.predict(data.graphs)
        alone = fitted.predict(data.graphs[3:4])
        _assert_close(alone, Prediction(whole.mean[3:4], whole.std[3:4]))

    def test_ten_thousand_graphs_are_answered_in_one_call(self, fitted: Predictor) -> None:
        """Batches of any size, each graph as if it were alone."""
        graphs = _many_graphs()
        answers = fitted.predict(graphs)
        assert len(answers) == _MANY
        assert np.isfinite(answers.mean).all() and (answers.std >= 0).all()
        last = fitted.predict(graphs[-1:])
        _assert_close(last, Prediction(answers.mean[-1:], answers.std[-1:]))

    def test_order_of_rows_does_not_change_a_fit(
        self, kind: type[Predictor], settings: Any, fitted: Predictor, data: SurrogateDataset
    ) -> None:
        """A dataset is a set."""
        shuffled = data.subset(np.random.default_rng(2).permutation(len(data)))
        other = kind(settings).fit(shuffled, np.random.default_rng(7))
        _assert_equal(other.predict(data.graphs), fitted.predict(data.graphs))

    def test_fitting_again_forgets(
        self, kind: type[Predictor], settings: Any, fitted: Predictor, data: SurrogateDataset
    ) -> None:
        """A second fit is as the first one of a new predictor."""
        used = kind(settings).fit(synthetic_dataset(20, start=5), np.random.default_rng(3))
        again = used.fit(data, np.random.default_rng(7))
        _assert_equal(again.predict(data.graphs), fitted.predict(data.graphs))

    def test_equal_functions_get_equal_answers(self, fitted: Predictor) -> None:
        """Points of the space with one function are one question."""
        texts = ("51_100_1000", "10_501_1000", "10_100_5001")
        answers = fitted.predict([cell_graph(Cell.parse(text)) for text in texts])
        assert len(set(answers.mean.tolist())) == 1
        assert len(set(answers.std.tolist())) == 1

    @pytest.mark.parametrize(
        "text", ["conv9:0", "gated_linear:1_max_pool3:01", "10_100_1000_10000_100000_1000000"]
    )
    def test_unseen_operations_and_sizes_are_answered(self, fitted: Predictor, text: str) -> None:
        """Every graph gets finite numbers; whether to trust them is said elsewhere."""
        assert np.isfinite(fitted.predict([cell_graph(Cell.parse(text))]).mean).all()

    def test_graphs_of_more_paths_than_float32_counts_have_predictions(
        self, fitted: Predictor
    ) -> None:
        """A chain of 140 nodes that all skip: its edges are there up to 2 ** 139 times."""
        cell = Cell(("conv5",) * 140, tuple((1,) * k for k in range(1, 141)))
        prediction = fitted.predict([cell_graph(cell)])
        assert np.isfinite(prediction.mean).all() and np.isfinite(prediction.std).all()

    def test_saved_and_loaded_is_the_same(
        self, fitted: Predictor, data: SurrogateDataset, tmp_path: Path
    ) -> None:
        """A round trip through files changes nothing."""
        fitted.save(tmp_path / "p")
        loaded = load_predictor(tmp_path / "p")
        assert type(loaded) is type(fitted)
        assert loaded.settings == fitted.settings
        _assert_equal(loaded.predict(data.graphs), fitted.predict(data.graphs))

    def test_files_hold_no_pickle(self, fitted: Predictor, tmp_path: Path) -> None:
        """Arrays are plain numbers."""
        fitted.save(tmp_path / "p")
        with np.load(tmp_path / "p" / "arrays.npz", allow_pickle=False) as arrays:
            assert all(arrays[name].dtype != object for name in arrays.files)

    def test_same_seed_in_another_process_gives_the_same(
        self, kind: type[Predictor], settings: Any, fitted: Predictor, data: SurrogateDataset
    ) -> None:
        """No hidden source of randomness, hash order included."""
        done = subprocess.run(  # noqa: S603 - our own interpreter and our own code
            [
                sys.executable,
                "-c",
                _FIT_AND_PRINT,
                kind.__module__,
                kind.__qualname__,
                json.dumps(asdict(settings)),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        prediction = fitted.predict(data.graphs)
        expected = f"{prediction.mean.tobytes().hex()} {prediction.std.tobytes().hex()}"
        assert done.stdout.strip() == expected

    def test_features_are_learned_from_or_ignored(
        self, kind: type[Predictor], settings: Any, fitted: Predictor, data: SurrogateDataset
    ) -> None:
        """`uses_features` says whether features of graphs change a fit."""
        featured = with_features(data, {"label": data.model_values, "index": range(len(data))})
        other = kind(settings).fit(featured, np.random.default_rng(7))
        if not kind.uses_features:
            _assert_equal(other.predict(featured.graphs), fitted.predict(data.graphs))
            _assert_equal(other.predict(data.graphs), fitted.predict(data.graphs))
            return
        assert other.feature_names == ("index", "label")
        with pytest.raises(AssertionError):
            _assert_equal(other.predict(featured.graphs), fitted.predict(data.graphs))

    def test_a_saved_fit_keeps_the_names_of_its_features(
        self, kind: type[Predictor], settings: Any, data: SurrogateDataset, tmp_path: Path
    ) -> None:
        """A loaded predictor refuses graphs with other features than those of its fit."""
        featured = with_features(data, {"label": data.model_values})
        other = with_features(data, {"another": data.model_values})
        fitted = kind(settings).fit(featured, np.random.default_rng(7))
        fitted.save(tmp_path / "p")
        loaded = load_predictor(tmp_path / "p")
        assert loaded.feature_names == fitted.feature_names
        _assert_equal(loaded.predict(featured.graphs), fitted.predict(featured.graphs))
        for graphs in (data.graphs, other.graphs):
            if kind.uses_features:
                with pytest.raises(UserError, match=r"same features, here \['label'\]"):
                    loaded.predict(graphs)
            else:
                _assert_equal(loaded.predict(graphs), fitted.predict(featured.graphs))

    def test_arguments_are_not_changed(
        self, kind: type[Predictor], settings: Any, data: SurrogateDataset
    ) -> None:
        """A fit leaves its dataset as it was."""
        before = data.values.copy()
        kind(settings).fit(data, np.random.default_rng(0))
        assert (data.values == before).all()


def _assert_close(a: Prediction, b: Prediction) -> None:
    """But for rounding: matrix products add up in another order for other numbers of rows."""
    np.testing.assert_allclose(a.mean, b.mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(a.std, b.std, rtol=1e-4, atol=1e-5)


def _assert_equal(a: Prediction, b: Prediction) -> None:
    np.testing.assert_array_equal(a.mean, b.mean)
    np.testing.assert_array_equal(a.std, b.std)
