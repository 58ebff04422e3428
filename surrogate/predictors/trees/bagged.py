"""Bagged ensembles of boosted trees, whichever library grows them."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from surrogate.data.targets import FloatArray
from surrogate.predictors.base import Arrays
from surrogate.predictors.features import GraphInputs, varying_columns
from surrogate.predictors.score_model import ScoreModel, Scores
from surrogate.predictors.settings import Count, CountOfTwo, Settings, Share
from surrogate.predictors.trees.forest import Forest, Member, forest_of_members


@dataclass(frozen=True)
class BaggedSettings(Settings):
    """Settings that all boosted trees share.

    Attributes:
        members: boosted models in the ensemble, >= 2: their disagreement is the uncertainty.
        bag_fraction: share of the keys in each member's bag, in (0, 1].
        rounds: trees per member, >= 1.
        learning_rate: shrinkage of each tree, in (0, 1].
        threads: processor threads of a fit, >= 1.
    """

    members: CountOfTwo = 8
    bag_fraction: Share = 0.9
    rounds: Count = 300
    learning_rate: Share = 0.05
    threads: Count = 1


class BaggedTrees(ScoreModel):
    """Members boosted on bags of the graphs; the uncertainty is their standard deviation.

    Attributes:
        suffix: end of the names of the members' documents in old folders, which have no arrays of
            trees.
    """

    suffix: ClassVar[str]

    def __init__(self, settings: BaggedSettings) -> None:
        self._settings = settings

    @abstractmethod
    def _boost(
        self, features: NDArray[np.float32], scores: FloatArray, weights: FloatArray, seed: int
    ) -> Member:
        """Fit one member."""

    @staticmethod
    @abstractmethod
    def _member(document: str) -> Member:
        """The member of a document in an old folder."""

    def fit(
        self, inputs: GraphInputs, scores: FloatArray, weights: FloatArray, rng: np.random.Generator
    ) -> None:
        """Boost each member on a bag of the graphs.

        Raises:
            MissingExtraError: if the library is not installed.
        """
        self._used = varying_columns(inputs.features)
        features = inputs.features[:, self._used]
        bag = max(2, round(self._settings.bag_fraction * len(inputs)))
        members = []
        for _ in range(self._settings.members):
            rows = np.sort(rng.permutation(len(inputs))[:bag])
            seed = int(rng.integers(2**31))
            members.append(self._boost(features[rows], scores[rows], weights[rows], seed))
        self._forest = forest_of_members(members)

    def predict(self, inputs: GraphInputs) -> Scores:
        """Mean and standard deviation over the members."""
        scores = self._forest.predict(inputs.features[:, self._used])
        return Scores(scores.mean(axis=0), scores.std(axis=0, ddof=1))

    def arrays(self) -> Arrays:
        """Columns that the trees use, and the trees."""
        return {"used": self._used, **self._forest.arrays()}

    def restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:
        """Read the trees back, from the documents of an old folder if it has some."""
        self._used = arrays["used"]
        old = [text for name, text in documents.items() if name.endswith(self.suffix)]
        self._forest = (
            forest_of_members([self._member(text) for text in old])
            if old
            else Forest.from_arrays(arrays)
        )
