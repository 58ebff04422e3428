"""Training of the graph network: the one predictor that needs torch, and only to be fitted."""

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import MissingExtraError
from surrogate.data.targets import FloatArray
from surrogate.predictors.features import GraphInputs
from surrogate.predictors.gnn.settings import LOG_STD_RANGE, NORM_EPS, GnnSettings

try:
    import torch
    from torch import Tensor, nn
    from torch.nn import functional
    from torch_geometric.nn import DenseGraphConv
except ModuleNotFoundError as e:
    raise MissingExtraError(e.name or "torch", "gnn") from e

_MARGIN = 0.1
_WARM_UP = 0.1
_START_SHARE = 0.04
_CLIP_NORM = 5.0
_STD_WEIGHT = 0.1
_FEWEST_STEPS = 20  # in fewer the schedule has no step to warm up in
_FEWEST_GRAPHS, _MOST_GRAPHS = 250, 2000


def train_member(
    settings: GnnSettings,
    inputs: GraphInputs,
    scores: FloatArray,
    weights: FloatArray,
    seed: int,
) -> dict[str, NDArray[np.float32]]:
    """Train one network.

    Args:
        settings: its size, schedule and dropout, which must be a number here.
        inputs: n graphs.
        scores: (n,) their normal scores.
        weights: (n,) weight of each.
        seed: seed of the weights, the batches and the dropout.

    Returns:
        The network's parameters by name.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _train(settings, inputs, scores, weights)
    return {name: p.detach().numpy().copy() for name, p in network.named_parameters()}


def _train(
    settings: GnnSettings, inputs: GraphInputs, scores: FloatArray, weights: FloatArray
) -> "_Network":
    nodes = inputs.nodes
    x, feeds, mask = (torch.from_numpy(a) for a in (nodes.x, nodes.feeds, nodes.mask))
    score = torch.from_numpy(scores.astype(np.float32))
    weight = torch.from_numpy((weights / weights.mean()).astype(np.float32))
    network = _Network(x.shape[2], settings)
    described = len(inputs.vocabulary.node_columns)
    optimiser = torch.optim.AdamW(
        network.parameters(),
        settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    effective = min(max(len(inputs), _FEWEST_GRAPHS), _MOST_GRAPHS)
    steps = max(_FEWEST_STEPS, round(settings.steps * effective / 1000))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        settings.learning_rate,
        total_steps=steps,
        pct_start=_WARM_UP,
        div_factor=1 / _START_SHARE,
        cycle_momentum=False,
    )
    batch = min(settings.batch, len(inputs))
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        if len(order) < batch:
            order = torch.cat([order, torch.randperm(len(inputs))])
        rows, order = order[:batch], order[batch:]
        forgetful = _forget_names(x[rows], described, settings.op_dropout)
        mean, log_std = network(forgetful, feeds[rows], mask[rows])
        loss = _loss(mean, log_std, score[rows], weight[rows], settings.rank_weight)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), _CLIP_NORM)
        optimiser.step()
        schedule.step()
    return network


def _forget_names(x_NVF: Tensor, described: int, probability: float) -> Tensor:
    """Clear the names of some graphs' operations: the columns after the descriptors."""
    if not probability:
        return x_NVF
    kept_N = (torch.rand(len(x_NVF)) >= probability).to(x_NVF.dtype)
    forgetful = x_NVF.clone()
    forgetful[:, :, described:] *= kept_N[:, None, None]
    return forgetful


def _loss(
    mean: Tensor, log_std: Tensor, score: Tensor, weight: Tensor, rank_weight: float
) -> Tensor:
    """Squared error, ranking loss over pairs, and likelihood of the standard deviation.

    The likelihood has no gradient in the mean: with a large predicted standard deviation the mean
    would no longer be fitted.
    """
    error = (mean - score) ** 2
    likelihood = log_std + 0.5 * error.detach() * torch.exp(-2 * log_std)
    better = score[:, None] > score[None, :]
    order = functional.relu(_MARGIN - (mean[:, None] - mean[None, :]))
    ranking = (order * better).sum() / better.sum().clamp(min=1)
    return (
        (weight * error).mean() + _STD_WEIGHT * (weight * likelihood).mean() + rank_weight * ranking
    )


class _Layer(nn.Module):
    """One round of messages; see `surrogate.predictors.gnn.network.GraphNetwork`."""

    def __init__(self, described: int, width: int) -> None:
        super().__init__()
        self.incoming = DenseGraphConv(width, width)
        self.outgoing = DenseGraphConv(width, width)
        self.gate_in = nn.Linear(described, width)
        self.gate_out = nn.Linear(described, width)
        self.virtual = nn.Linear(width, width, bias=False)
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)

    def forward(self, h: Tensor, x: Tensor, feeds: Tensor, mask: Tensor) -> Tensor:
        count = mask.sum(dim=1, keepdim=True)
        message = (
            torch.sigmoid(self.gate_in(x)) * self.incoming(h, feeds)
            + torch.sigmoid(self.gate_out(x)) * self.outgoing(h, feeds.transpose(1, 2))
            + self.virtual(h.sum(dim=1, keepdim=True) / count)
        )
        return h + torch.relu(self.norm(message)) * mask


class _Network(nn.Module):
    """Embedding, rounds of messages, readout of a mean and a log standard deviation."""

    def __init__(self, described: int, settings: GnnSettings) -> None:
        super().__init__()
        width = settings.width
        self.embed = nn.Linear(described, width)
        self.layers = nn.ModuleList(_Layer(described, width) for _ in range(settings.layers))
        self.hidden = nn.Linear(3 * width, width)
        self.out = nn.Linear(width, 2)
        self.forget = nn.Dropout(settings.dropout or 0.0)

    def forward(self, x: Tensor, feeds: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        mask = mask[:, :, None]
        h = self.embed(x) * mask
        for layer in self.layers:
            h = layer(self.forget(h), x, feeds, mask)
        pooled = h.sum(dim=1) / mask.sum(dim=1)
        read = self.forget(torch.cat([pooled, h[:, 1], h[:, 0]], dim=1))
        out = self.out(torch.relu(self.hidden(read)))
        return out[:, 0], out[:, 1].clamp(*LOG_STD_RANGE)
