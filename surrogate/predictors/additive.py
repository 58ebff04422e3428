"""A sum of what each operation costs, and a learned correction: made for latency."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from surrogate.predictors.base import Arrays, register_predictor
from surrogate.predictors.features import GraphInputs
from surrogate.predictors.gp import GaussianProcess, GpSettings
from surrogate.predictors.ridge import Ridge, RidgeSettings
from surrogate.predictors.score_model import ScoreModel, ScorePredictor, Scores
from surrogate.targets import FloatArray

_PARTS = ("sum", "correction")


@dataclass(frozen=True)
class AdditiveSettings:
    """Settings of `AdditivePredictor`.

    Attributes:
        correction: settings of the process that learns what the sum leaves.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, not a field

    correction: GpSettings = field(default_factory=GpSettings)

    def __post_init__(self) -> None:
        if isinstance(self.correction, Mapping):  # saved settings come back as plain values
            object.__setattr__(self, "correction", GpSettings(**self.correction))


class AdditiveModel(ScoreModel):
    """A line on counts of operations, and a Gaussian process on what it leaves.

    A device runs one operation after another, so that most of a latency is a sum over them; what
    it saves by fusing, and what it waits for memory, depends on their arrangement. Where few
    graphs are known the process falls back to zero and the sum stands alone.

    Source: the sum is the layer-wise latency table of Cai et al., "ProxylessNAS", ICLR 2019; a
    learned correction in place of a sum alone: Dudziak et al., "BRP-NAS", NeurIPS 2020.
    """

    def __init__(self, settings: AdditiveSettings) -> None:
        self._sum = Ridge(RidgeSettings("counts"))
        self._correction = GaussianProcess(settings.correction)

    def fit(
        self, inputs: GraphInputs, scores: FloatArray, weights: FloatArray, rng: np.random.Generator
    ) -> None:
        """Fit the sum, then the process on what is left, in units of its spread."""
        self._sum.fit(inputs, scores, weights, rng)
        left = scores - self._sum.predict(inputs).mean
        self._unit = max(float(left.std()), 1e-6)
        self._correction.fit(inputs, left / self._unit, weights, rng)

    def predict(self, inputs: GraphInputs) -> Scores:
        """The sum corrected; the spread is the process's."""
        left = self._correction.predict(inputs)
        mean = self._sum.predict(inputs).mean + self._unit * left.mean
        return Scores(mean, self._unit * left.std)

    def arrays(self) -> Arrays:
        """The arrays of both parts under their names."""
        parts = zip(_PARTS, (self._sum, self._correction), strict=True)
        named = {f"{name}.{key}": v for name, part in parts for key, v in part.arrays().items()}
        return {**named, "unit": np.array(self._unit)}

    def restore(self, arrays: Arrays, documents: Mapping[str, str]) -> None:
        """Read both parts back."""
        for name, part in zip(_PARTS, (self._sum, self._correction), strict=True):
            prefix = f"{name}."
            own = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            part.restore(own, documents)
        self._unit = float(arrays["unit"])


@register_predictor
class AdditivePredictor(ScorePredictor):
    """A sum over operations with a learned correction."""

    name = "additive"
    settings_type = AdditiveSettings
    settings: AdditiveSettings
    model_type = AdditiveModel
