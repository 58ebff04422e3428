"""The seam of all predictors: fit on labelled graphs, answer with a mean and a spread."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.array_files import read_arrays
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
"""Fewer have no standard deviation."""

_HEADER_FILE = "predictor.json"
_ARRAYS_FILE = "arrays.npz"


class Predictor(ABC):
    """Learns labels of graphs; knows nothing of speech, tables or calibration.

    A kind of predictor implements the four underscored methods. What it has learned is a set of
    numeric arrays, so that saving and loading are the same for all kinds and need no pickle.

    Laws, held by `surrogate.testing.predictor_contract`: the order of the rows changes neither
    a fit nor an answer; equal keys get equal answers; equal generators give equal fits.

    Attributes:
        name: the name it is registered, saved and configured by.
        settings_type: frozen dataclass of its settings, each with a default.
        settings: the settings.
        holds_out_itself: whether `fit` holds keys out anyway, so that `fit_out_of_fold` costs no
            more.
        uses_features: whether it learns from the features of graphs (`CellGraph.features`, as a
            matrix `SurrogateDataset.features`). It then predicts only graphs that have the
            features it was fitted with. A predictor that does not ignores them.
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
        """(f,) features that it was fitted with and that a graph to predict must have."""
        return self._feature_names

    @property
    def columns(self) -> tuple[str, ...]:
        """(d,) names of the features it looks at; empty if it takes the graphs as they are."""
        return ()

    def fit(self, dataset: SurrogateDataset, rng: np.random.Generator) -> Self:
        """Learn from a dataset, forgetting any earlier one.

        Args:
            dataset: n >= 2 labelled graphs; `model_values` is what is learned.
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
        """Take note that the predictor has learned from a dataset."""
        self._feature_names = dataset.feature_names if self.uses_features else ()
        self._fitted = True

    def predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        """Answer for n graphs, on the model scale of the target that was learned.

        Each distinct key is answered once, so that equal keys have equal answers to the bit.

        Raises:
            UserError: if nothing was fitted or loaded yet, or it uses features and a graph has
                others than those of the fit.
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
        """Learn from a dataset, and say what is answered for each row when it is held out.

        Args:
            dataset: n >= 2 labelled graphs, sorted by key.
            folds: parts that are held out in turn, 2 .. n; a predictor that divides the keys for
                its own purposes may take more.
            rng: source of all randomness.

        Returns:
            (n,) answers, each by models that were fitted without the row.

        Raises:
            UserError: if there are fewer than two folds, or too few rows to leave two of them
                beside each.
        """
        check_folds(len(dataset), folds, FEWEST_KEYS)
        mean, std = np.zeros(len(dataset)), np.zeros(len(dataset))
        for rest, held_out in fold_indices(len(dataset), folds, rng):
            other = type(self)(self.settings).fit(dataset.subset(rest), rng)
            answer = other.predict([dataset.graphs[i] for i in held_out])
            mean[held_out], std[held_out] = answer.mean, answer.std
        self.fit(dataset, rng)
        return Prediction(mean, std)

    def save(self, folder: Path) -> None:
        """Write what was learned into a folder, which is made if need be.

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
        with (folder / _ARRAYS_FILE).open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **self._learned())
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
        """Learn from rows that are sorted by key."""

    @abstractmethod
    def _predict(self, graphs: Sequence[CellGraph]) -> Prediction:
        """Answer for n >= 1 graphs."""

    @abstractmethod
    def _learned(self) -> Arrays:
        """All that `_predict` needs beyond the settings, as arrays of numbers."""

    def _documents(self) -> Mapping[str, str]:
        """File name -> text of what another library keeps in a format of its own."""
        return {}

    @abstractmethod
    def _restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:
        """Take over what `_learned` and `_documents` gave."""


PREDICTORS: Registry[type[Predictor]] = Registry("predictor")


def register_predictor(kind: type[Predictor]) -> type[Predictor]:
    """Class decorator: make a predictor known by its name.

    Raises:
        UserError: if the name is taken by another class.
    """
    return PREDICTORS.register(kind.name, kind)


def _registered(name: str, folder: Path) -> type[Predictor]:
    if name not in PREDICTORS:
        # Not imported by a name in a file: reading an artifact runs nothing of it.
        raise UserError(
            f"the predictor in {folder} must be one that is registered ({', '.join(PREDICTORS)}), "
            f"but is {name!r}; import the module that registers it before"
        )
    return PREDICTORS.get(name)


def load_predictor(folder: Path) -> Predictor:
    """Read a predictor of any registered kind from the folder it was saved to.

    Raises:
        UserError: if a file is missing or is not what `save` writes.
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
                f"the predictor in {folder} was fitted on other columns than this version "
                "encodes; fit it again, or use the nasasr version that fitted it"
            )
    return predictor
