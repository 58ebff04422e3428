"""A graph network, and its predictions with NumPy alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from surrogate.data.dataset import SurrogateDataset
from surrogate.data.folds import check_folds, fold_indices
from surrogate.data.prediction import Prediction
from surrogate.data.targets import FloatArray
from surrogate.predictors.base import FEWEST_KEYS, Arrays, register_predictor
from surrogate.predictors.features import GraphInputs, NodeArrays
from surrogate.predictors.gnn.settings import LOG_STD_RANGE, NORM_EPS, GnnSettings
from surrogate.predictors.score_model import (
    PredictEach,
    ScoreModel,
    ScorePredictor,
    Scores,
    held_out_prediction,
)

_REGULARISED = ((0.1, 2), (0.35, 1))
"""Candidate dropouts, each with a factor on the training steps. NAS-Bench-201, whose labels have
little noise, needs the first, the table of real speech the second."""

_PARTS_TO_CHOOSE = 3
_ENOUGH_JUDGES = 100
_FEWEST_TO_CHOOSE = 30
_ROWS_AT_ONCE = 512

Weights = Mapping[str, NDArray[Any]]


Settings = TypeVar("Settings", bound=GnnSettings)


class GraphNetwork(ScoreModel):
    """Bidirectional, op-gated message passing; trained with torch, evaluated with NumPy.

    A round: `h += relu(norm(g_in * conv(h, A) + g_out * conv(h, A') + V mean(h)))` with the graph
    convolution `conv(h, A) = A h W + h R + b` (torch-geometric's `DenseGraphConv`). A holds
    multiplicities, the gates `g = sigmoid(x G + c)` depend on the node's own operation, and the
    mean over the graph is a virtual node. The readout turns mean, output and input into a mean and
    a standard deviation. Training drops values of h before each round and of the readout.
    Graphs have two to about ten nodes: dense products are faster than lists of edges.

    Source: gated by the operation as in Ning et al., "A generic graph-based neural architecture
    encoding scheme for predictor-based NAS" (GATES), ECCV 2020; both directions as in
    Shi et al., "Bridging the gap between sample-based and one-shot NAS with BONAS", NeurIPS
    2020; virtual node: Gilmer et al., ICML 2017; likelihood and ensemble: Lakshminarayanan et
    al., "Deep ensembles", NeurIPS 2017; ranking loss: Ning et al., eq. 3; dropout: Srivastava
    et al., JMLR 15, 2014.
    """

    def __init__(self, settings: GnnSettings) -> None:
        self._settings = settings
        self._folds = 1

    def fit(
        self, inputs: GraphInputs, scores: FloatArray, weights: FloatArray, rng: np.random.Generator
    ) -> None:
        """Train the members one after another.

        Raises:
            MissingExtraError: if torch or torch-geometric is not installed.
        """
        # Late: only training needs torch.
        from surrogate.predictors.gnn.training import train_member

        settings = regularised(self._settings, inputs, scores, weights, rng)
        self._members = tuple(
            train_member(settings, inputs, scores, weights, int(rng.integers(2**31)))
            for _ in range(settings.members)
        )
        self._network = _Networks(self._members)

    @classmethod
    def of_folds(cls, models: Sequence["GraphNetwork"]) -> "GraphNetwork":
        """One ensemble of the networks of several folds, >= 1, of the same settings.

        Its variance is the mean of that of the folds. A held-out graph has no other: with the
        disagreement between folds, which held-out graphs lack, calibrated intervals would be too
        wide.
        """
        found = cls(models[0]._settings)  # noqa: SLF001
        found._folds = len(models)
        found._members = tuple(member for model in models for member in model._members)  # noqa: SLF001
        found._network = _Networks(found._members)
        return found

    def predict(self, inputs: GraphInputs) -> Scores:
        """Mean and standard deviation of the mixture of the members' normal distributions.

        The members of several folds are one mixture each, of which the mean variance counts.
        """
        return _mixture_of_folds(*self._network.forward(inputs.nodes), self._folds)

    @classmethod
    def together(cls, models: Sequence[Self]) -> PredictEach:
        """All members of all networks in the same products: few graphs cost little more than one.

        The networks must have one width and one number of layers.
        """
        networks = _Networks([member for model in models for member in model._members])  # noqa: SLF001
        ends = np.cumsum([len(model._members) for model in models])  # noqa: SLF001

        def predict_each(inputs: GraphInputs) -> list[Scores]:
            means, stds = (np.split(part, ends[:-1]) for part in networks.forward(inputs.nodes))
            folds = [model._folds for model in models]  # noqa: SLF001
            return [_mixture_of_folds(*of) for of in zip(means, stds, folds, strict=True)]

        return predict_each

    def arrays(self) -> Arrays:
        """The members' weights, and the number of folds if there are several."""
        return {
            **{
                f"gnn{i}/{name}": values
                for i, member in enumerate(self._members)
                for name, values in member.items()
            },
            **({"gnn_folds": np.array([self._folds])} if self._folds > 1 else {}),
        }

    def restore(self, arrays: Arrays, documents: object) -> None:  # noqa: ARG002
        """Restore the weights."""
        weights = {name: values for name, values in arrays.items() if "/" in name}
        count = len({name.split("/")[0] for name in weights})
        self._folds = int(arrays["gnn_folds"][0]) if "gnn_folds" in arrays else 1
        self._members = tuple(
            {
                name.removeprefix(f"gnn{i}/"): values
                for name, values in weights.items()
                if name.startswith(f"gnn{i}/")
            }
            for i in range(count)
        )
        self._network = _Networks(self._members)


def regularised(
    settings: Settings,
    inputs: GraphInputs,
    scores: FloatArray,
    weights: FloatArray,
    rng: np.random.Generator,
) -> Settings:
    """The settings with their dropout, or with that of the lower held-out error.

    Noisy labels need much dropout; others little, and more steps. One network per choice is trained
    on two thirds of the graphs and evaluated on the rest; with few graphs three times, so that each
    graph is held out once. With fewer than 30 graphs the low dropout is taken without a comparison.

    Raises:
        MissingExtraError: if torch or torch-geometric is not installed.
    """
    if settings.dropout is not None:
        return settings
    choices = [
        replace(settings, dropout=dropout, steps=times * settings.steps)
        for dropout, times in _REGULARISED
    ]
    if len(inputs) < _FEWEST_TO_CHOOSE:
        return choices[0]
    errors, judges = np.zeros(len(choices)), 0
    for rest, held_out in fold_indices(len(inputs), _PARTS_TO_CHOOSE, rng):
        for number, choice in enumerate(choices):
            network = GraphNetwork(replace(choice, members=1))
            network.fit(inputs.subset(rest), scores[rest], weights[rest], rng)
            missed = network.predict(inputs.subset(held_out)).mean - scores[held_out]
            errors[number] += weights[held_out] @ missed**2
        judges += len(held_out)
        if judges >= _ENOUGH_JUDGES:
            break
    return choices[int(np.argmin(errors))]


def _mixture_of_folds(means: FloatArray, stds: FloatArray, folds: int) -> Scores:
    """Mean and standard deviation of (m, n) normal distributions of the members of some folds."""
    parts = zip(np.split(means, folds), np.split(stds, folds), strict=True)
    of_folds = [_mixture(*part).std ** 2 for part in parts]
    return Scores(means.mean(axis=0), np.sqrt(np.mean(of_folds, axis=0)))


def _mixture(means: FloatArray, stds: FloatArray) -> Scores:
    """Mean and standard deviation of the mixture of (m, n) normal distributions."""
    return Scores(means.mean(axis=0), np.sqrt((stds**2).mean(axis=0) + means.var(axis=0)))


def _stacked(members: Sequence[Weights]) -> Weights:
    """Weights of m networks in one array each, ready to be multiplied from the right.

    Matrices become (m, in, out), biases and norms (m, 1, out).
    """
    found = {}
    for name in members[0]:
        stack = np.array([member[name] for member in members])
        ready = stack.swapaxes(1, 2) if stack.ndim == 3 else stack[:, None]
        found[name] = np.ascontiguousarray(ready)
    return found


class _Networks:
    """m networks that are evaluated together.

    Args:
        members: their weights by name.
    """

    def __init__(self, members: Sequence[Weights]) -> None:
        self._weights = _stacked(members)
        self._last: tuple[NDArray[np.float32], Weights] | None = None

    def forward(self, nodes: NodeArrays) -> tuple[FloatArray, FloatArray]:
        """Means and standard deviations for n graphs, (m, n) each."""
        rows = max(1, _ROWS_AT_ONCE // len(self._weights["out.bias"]))
        of_kinds = self._of_last_kinds(nodes.kinds)
        chunks = [
            _forward_chunk(self._weights, of_kinds, nodes.subset(slice(start, start + rows)))
            for start in range(0, len(nodes), rows)
        ]
        return np.concatenate([c[0] for c in chunks], axis=1), np.concatenate(
            [c[1] for c in chunks], axis=1
        )

    def _of_last_kinds(self, kinds: NDArray[np.float32]) -> Weights:
        """`_of_kinds` of the operations, cached for the last array of them."""
        last = self._last  # read once: another thread may replace it
        if last is None or last[0] is not kinds:
            last = self._last = kinds, _of_kinds(self._weights, kinds)
        return last[1]


def _linear(weights: Weights, name: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
    y = x @ weights[f"{name}.weight"]
    bias = weights.get(f"{name}.bias")
    return y if bias is None else y + bias


def _layers(weights: Weights) -> list[str]:
    count = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layers."))
    return [f"layers.{i}" for i in range(count)]


def _of_kinds(weights: Weights, kinds_KF: NDArray[np.float32]) -> Weights:
    """Parts that depend on the operation alone, (m, k, h) each: many nodes share few operations."""
    found: dict[str, NDArray[Any]] = {"embed": _linear(weights, "embed", kinds_KF)}
    found["embed"][:, 0] = 0.0  # padding
    for layer in _layers(weights):
        for gate in ("gate_in", "gate_out"):
            opened = _linear(weights, f"{layer}.{gate}", kinds_KF)
            found[f"{layer}.{gate}"] = 1 / (1 + np.exp(-opened))
    return found


def _forward_chunk(
    weights: Weights, of_kinds: Weights, nodes: NodeArrays
) -> tuple[FloatArray, FloatArray]:
    """Shape suffixes: M networks, N graphs, V nodes, R = N V, H hidden."""
    n, v = nodes.kind.shape
    kind_R = nodes.kind.ravel()
    mask_R1 = nodes.mask.reshape(n * v, 1)
    count_N1 = nodes.mask.sum(axis=1, keepdims=True)
    fed_by_NVV, feeds_NVV = nodes.feeds, nodes.feeds.transpose(0, 2, 1)
    h_MRH = of_kinds["embed"].take(kind_R, axis=1)
    m, _, width = h_MRH.shape

    def by_graph(h: NDArray[np.float32]) -> NDArray[np.float32]:
        return h.reshape(m, n, v, width)

    for layer in _layers(weights):
        message_MRH = np.zeros_like(h_MRH)
        for way, gate, edges_NVV in (
            ("incoming", "gate_in", fed_by_NVV),
            ("outgoing", "gate_out", feeds_NVV),
        ):
            gathered_MRH = (edges_NVV @ by_graph(h_MRH)).reshape(h_MRH.shape)
            value_MRH = _linear(weights, f"{layer}.{way}.lin_rel", gathered_MRH)
            value_MRH += _linear(weights, f"{layer}.{way}.lin_root", h_MRH)
            value_MRH *= of_kinds[f"{layer}.{gate}"].take(kind_R, axis=1)
            message_MRH += value_MRH
        virtual_MNH = _linear(weights, f"{layer}.virtual", by_graph(h_MRH).sum(axis=2) / count_N1)
        by_graph(message_MRH)[...] += virtual_MNH[:, :, None]
        message_MRH -= message_MRH.mean(axis=-1, keepdims=True)
        variance_MR = np.einsum("mrh,mrh->mr", message_MRH, message_MRH) / width
        message_MRH /= np.sqrt(variance_MR + NORM_EPS)[..., None]
        message_MRH *= weights[f"{layer}.norm.weight"]
        message_MRH += weights[f"{layer}.norm.bias"]
        np.maximum(message_MRH, 0.0, out=message_MRH)
        message_MRH *= mask_R1
        h_MRH += message_MRH
    h_MNVH = by_graph(h_MRH)
    read_MN3H = np.concatenate(
        [h_MNVH.sum(axis=2) / count_N1, h_MNVH[:, :, 1], h_MNVH[:, :, 0]], axis=-1
    )
    hidden_MNH = np.maximum(_linear(weights, "hidden", read_MN3H), 0.0)
    out_MN2 = _linear(weights, "out", hidden_MNH).astype(np.float64)
    return out_MN2[..., 0], np.exp(np.clip(out_MN2[..., 1], *LOG_STD_RANGE))


@register_predictor
class GnnPredictor(ScorePredictor):
    """An ensemble of graph networks on normal scores."""

    name = "gnn"
    settings_type = GnnSettings
    settings: GnnSettings
    model_type = GraphNetwork
    holds_out_itself = True

    def fit_out_of_fold(
        self, dataset: SurrogateDataset, folds: int, rng: np.random.Generator
    ) -> Prediction:
        """As for every predictor, at the cost of the folds alone.

        The fitted ensemble has the members of all folds, `settings.members` of each: networks on
        all keys would double the cost. A held-out key is predicted by its fold's members. Its
        label has a small influence on the choice of the dropout only. An ensemble of all folds is
        better than one fold's members, so that intervals of few keys are slightly too wide.

        Source: the models of folds as the predictor, as in CV+: Barber et al., "Predictive
        inference with the jackknife+", 2021.
        """
        check_folds(len(dataset), folds, FEWEST_KEYS)
        inputs, scores = self._learn_scale(dataset)
        settings = regularised(self.settings, inputs, scores, dataset.weights, rng)
        parts, scales = self._folds(dataset.model_values, folds, rng)
        networks = []
        mean, std = np.zeros(len(dataset)), np.zeros(len(dataset))
        for part in parts:
            network = GraphNetwork(settings)
            weights = dataset.weights[part.rest]
            network.fit(inputs.subset(part.rest), part.scores, weights, rng)
            found = network.predict(inputs.subset(part.held_out))
            mean[part.held_out], std[part.held_out] = found.mean, found.std
            networks.append(network)
        self._model = GraphNetwork.of_folds(networks)
        self._mark_fitted(dataset)
        return held_out_prediction(parts, scales, Scores(mean, std))
