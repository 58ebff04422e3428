"""The interface of all predictors: labelled graphs in, means and standard deviations out."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.array_files import read_arrays, write_tree
from graph_encoding.common.errors import UserError, unreadable
from graph_encoding.common.hashing import content_hash
from graph_encoding.common.listed_files import listed_file
from graph_encoding.common.registry import Registry
from graph_encoding.graph import CellGraph
from surrogate.data.dataset import SurrogateDataset, require_features
from surrogate.data.folds import check_folds, fold_indices
from surrogate.data.prediction import Prediction

Arrays = Mapping[str, NDArray[Any]]

FEWEST_KEYS = 2
"""Fewest keys of a fit: fewer have no standard deviation."""

_HEADER_FILE = "predictor.json"
_ARRAYS_FILE = "arrays.npz"


class Predictor(ABC):
    """Learns labels of graphs; independent of speech, tables and calibration.

    A subclass implements the four abstract methods. Its fitted state is a set of numeric arrays,
    so that all predictors are saved and loaded the same way, without pickle.

    Laws, tested by `surrogate.testing.predictor_contract`: the order of the rows changes neither a
    fit nor a prediction; equal keys get equal predictions; equal generators give equal fits.

    Attributes:
        name: name in the registry, in configurations and in saved files.
        settings_type: frozen dataclass of its settings, each with a default.
        settings: the settings.
        holds_out_itself: whether `fit` holds keys out anyway, so that `fit_out_of_fold` costs no
            more.
        uses_features: whether it uses the features of graphs (`CellGraph.features`, as a matrix
            `SurrogateDataset.features`). It then predicts only graphs with the features of the
            fit; otherwise features are ignored.
    """

    name: ClassVar[str]
    settings_type: ClassVar[type[Any]]
    holds_out_itself: ClassVar[bool] = False
    uses_features: ClassVar[bool] = False

    def __init__(self, settings: Any = None) -> None:
        self.settings = self.settings_type() if settings is None else settings
        if not isinstance(self.settings, self.settings_type):
            raise UserError(
                f"predictor {self.name!r} must have settings of type "
                f"{self.settings_type.__name__}, but got {settings!r}"
            )
        self._fitted = False
        self._feature_names: tuple[str, ...] = ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """(f,) features of the fit, which a graph to predict must have."""
        return self._feature_names

    @property
    def columns(self) -> tuple[str, ...]:
        """(d,) names of its input columns; empty if it uses the graphs directly."""
        return ()

    @property
    def reads(self) -> Mapping[str, str]:
        """What a fit reads beside its dataset: its name -> its sha256.

        Stored fits are reused only while it is the same.
        """
        return {}

    def fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> Self:
        """Fit to a dataset, replacing any earlier fit.

        Args:
            dataset: n >= 2 labelled graphs; the labels are `model_values`.
            rng: source of all randomness.

        Raises:
            UserError: if there are fewer than two rows.
        """
        if len(dataset) < FEWEST_KEYS:
            raise UserError(f"a fit must have at least {FEWEST_KEYS} keys, but got {len(dataset)}")
        self._fit(dataset.sorted_by_key(), rng)
        self._mark_fitted(dataset)
        return self

    def _mark_fitted(self, dataset: SurrogateDataset) -> None:
        """Record that the predictor was fitted to a dataset."""
        self._feature_names = dataset.feature_names if self.uses_features else ()
        self._fitted = True

    def predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        """Predict n graphs, on the model scale of the target of the fit.

        Each distinct key is predicted once, so that equal keys get equal predictions to the bit.

        Raises:
            UserError: if nothing was fitted or loaded yet, or the features of a graph are not
                those of the fit.
        """
        self._require_fit("predict")
        if not graphs:
            return Prediction(np.zeros(0), np.zeros(0))
        if self.uses_features:
            require_features(graphs, self._feature_names)
        place = {graph.key: i for i, graph in reversed(list(enumerate(graphs)))}
        if len(place) == len(graphs):
            return self._predict(graphs)
        number = {key: i for i, key in enumerate(place)}
        distinct = self._predict([graphs[i] for i in place.values()])
        rows = [number[graph.key] for graph in graphs]
        return Prediction(distinct.mean[rows], distinct.std[rows])

    def fit_out_of_fold(
        self, dataset: SurrogateDataset, folds: int, rng: np.random.Generator
    ) -> Prediction:
        """Fit to a dataset, and predict each row from fits without it.

        Args:
            dataset: n >= 2 labelled graphs, sorted by key.
            folds: number of folds, 2 .. n; a predictor with folds of its own may use more.
            rng: source of all randomness.

        Returns:
            (n,) out-of-fold predictions.

        Raises:
            UserError: if there are fewer than two folds, or a fold leaves fewer than two rows.
        """
        check_folds(len(dataset), folds, FEWEST_KEYS)
        mean, std = np.zeros(len(dataset)), np.zeros(len(dataset))
        for rest, held_out in fold_indices(len(dataset), folds, rng):
            other = type(self)(self.settings).fit(dataset.subset(rest), rng)
            predicted = other.predict([dataset.graphs[i] for i in held_out])
            mean[held_out], std[held_out] = predicted.mean, predicted.std
        self.fit(dataset, rng)
        return Prediction(mean, std)

    def save(self, folder: Path) -> None:
        """Write the fitted predictor into a folder, which is created if needed.

        Raises:
            UserError: if nothing was fitted or loaded yet.
        """
        self._require_fit("save")
        folder.mkdir(parents=True, exist_ok=True)
        header = {
            "predictor": self.name,
            "settings": asdict(self.settings),
            "columns_sha256": content_hash(self.columns),
            **({"features": list(self._feature_names)} if self._feature_names else {}),
            "documents": list(self._documents()),
        }
        (folder / _HEADER_FILE).write_text(json.dumps(header, indent=2) + "\n", encoding="utf-8")
        write_tree(folder / _ARRAYS_FILE, self._learned())
        for name, text in self._documents().items():
            (folder / name).write_text(text, encoding="utf-8")

    def _require_fit(self, call: str) -> None:
        if not self._fitted:
            raise UserError(
                f"predictor {self.name!r} must be fitted before {call}(); call fit(dataset, rng), "
                "or read a fitted one with load_predictor(folder)"
            )

    @abstractmethod
    def _fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> None:
        """Fit to rows that are sorted by key."""

    @abstractmethod
    def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        """Predict n >= 1 graphs."""

    @abstractmethod
    def _learned(self) -> Arrays:
        """The fitted state besides the settings, as arrays of numbers."""

    def _documents(self) -> Mapping[str, str]:
        """File name -> text of a fitted part in another library's format."""
        return {}

    @abstractmethod
    def _restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:
        """Restore the state of `_learned` and `_documents`."""


PREDICTORS: Registry[type[Predictor]] = Registry("predictor")
"""Predictors by name; `register_predictor` adds one."""


def register_predictor(kind: type[Predictor]) -> type[Predictor]:
    """Class decorator: register a predictor by its name.

    Raises:
        UserError: if another class has the name.
    """
    return PREDICTORS.register(kind.name, kind)


def _registered(name: str, folder: Path) -> type[Predictor]:
    if name not in PREDICTORS:
        # Not imported by its name: reading an artifact must run no code of it.
        raise UserError(
            f"the predictor in {folder} must be a registered one ({', '.join(PREDICTORS)}), "
            f"but is {name!r}; import the module that registers it first"
        )
    return PREDICTORS.get(name)


def load_predictor(folder: Path) -> Predictor:
    """Read a predictor of any registered kind from its folder.

    Raises:
        UserError: if a file is missing or not one that `save` writes.
    """
    rule = f"folder {folder} must hold a predictor saved by this version"
    with unreadable(rule, "fit it again"):
        header = json.loads((folder / _HEADER_FILE).read_text(encoding="utf-8"))
        kind = _registered(header["predictor"], folder)
        predictor = kind(kind.settings_type(**header["settings"]))
        documents = {
            name: listed_file(folder, name, "fit it again").read_text(encoding="utf-8")
            for name in header["documents"]
        }
        arrays = read_arrays(folder / _ARRAYS_FILE)
        predictor._restore(arrays, documents)  # noqa: SLF001 -- the other half of save
        predictor._feature_names = tuple(header.get("features", ()))  # noqa: SLF001
        predictor._fitted = True  # noqa: SLF001
        if header["columns_sha256"] != content_hash(predictor.columns):
            raise UserError(
                f"the predictor in {folder} was fitted on other columns than those of this "
                "version; fit it again, or use the nasasr version that fitted it"
            )
    return predictor
