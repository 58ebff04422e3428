"""The labelled graphs of a benchmark, with what is known of their noise."""

import math
from collections.abc import Set
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from graph_encoding.errors import UserError
from graph_encoding.graph import CellGraph
from graph_encoding.graph_file import read_graphs
from graph_encoding.ops import NB_ASR_OPS
from surrogate.dataset import SeedPolicy, SurrogateDataset
from surrogate.targets import TARGETS, TRANSFORMS, FloatArray, Target
from train_benchmark.record import content_hash

if TYPE_CHECKING:
    from surrogate.benchmark.config import SourceConfig
    from train_benchmark.table import BenchmarkTable

_STANDARD_NODES = 3


@dataclass(frozen=True, eq=False)
class Source:
    """Labelled graphs, sorted by key.

    Attributes:
        name: where they come from.
        dataset: n graphs with their labels.
        extended: (n,) whether a key lies outside the space that predictors are trained on.
        seed_labels: (n, s) label of each seed on the raw scale, NaN where a key was not trained
            with it; None if seeds are not known.

    Raises:
        UserError: if the shapes do not fit.
    """

    name: str
    dataset: SurrogateDataset
    extended: NDArray[np.bool_]
    seed_labels: FloatArray | None

    def __post_init__(self) -> None:
        n = len(self.dataset)
        seeds = n if self.seed_labels is None else len(self.seed_labels)
        if self.extended.shape != (n,) or seeds != n:
            raise UserError(
                f"a source of {n} keys must have as many marks and rows of seeds, "
                f"but has {self.extended.shape} and {seeds}"
            )
        if list(self.dataset.keys) != sorted(self.dataset.keys):
            raise UserError("a source must be sorted by key; take dataset.sorted_by_key()")

    def without(self, keys: Set[str]) -> "Source":
        """The same source without some keys."""
        rows = np.array([i for i, k in enumerate(self.dataset.keys) if k not in keys], np.int64)
        seeds = None if self.seed_labels is None else self.seed_labels[rows]
        return Source(self.name, self.dataset.subset(rows), self.extended[rows], seeds)

    @property
    def fingerprint(self) -> str:
        """sha256 of all that a fit may learn from."""
        return dataset_hash(self.dataset)


def dataset_hash(dataset: SurrogateDataset) -> str:
    """sha256 of the graphs, their labels and what is known of the labels' noise."""
    rows = [
        [
            graph.key,
            [astuple(op) for op in graph.ops],
            graph.edges,
            value,
            count,
            None if math.isnan(variance) else variance,
        ]
        for graph, value, count, variance in zip(
            dataset.graphs,
            dataset.values.tolist(),
            dataset.seed_counts.tolist(),
            dataset.seed_variances.tolist(),
            strict=True,
        )
    ]
    return content_hash(rows)


class NamesSource(Protocol):
    """A configuration that says where labelled graphs come from."""

    @property
    def source(self) -> "SourceConfig":
        """Table or graph file."""

    @property
    def target(self) -> str:
        """Name of the label."""

    @property
    def seed_policy(self) -> SeedPolicy:
        """Which trainings a table's label is made of."""


def load_source(config: NamesSource) -> Source:
    """Read the labelled graphs that a configuration names.

    Raises:
        UserError: if a file is missing or wrong, or has no such target.
    """
    chosen = config.source
    if chosen.graphs is not None:
        target = Target(
            config.target,
            config.target,
            chosen.unit or "",
            chosen.direction or "minimise",
            TRANSFORMS.get(chosen.transform or "identity")(),
        )
        own = _of_graphs(chosen.graphs, target)
        return _merged(str(chosen.graphs.name), own, _second(config, target))
    from train_benchmark.table import BenchmarkTable

    target = TARGETS.get(config.target)
    table = BenchmarkTable.load(str(chosen.table))
    own = SurrogateDataset.from_table(table, target, config.seed_policy).sorted_by_key()
    return _merged(table.metadata.name, own, _second(config, target), table)


def _second(config: NamesSource, target: Target) -> SurrogateDataset | None:
    """The further keys that `extended` tests on, where a configuration names some."""
    if config.source.extended is None:
        return None
    path = Path(config.source.extended)
    if path.is_file():
        return _of_graphs(path, target)
    from train_benchmark.table import BenchmarkTable

    table = BenchmarkTable.load(config.source.extended)
    return SurrogateDataset.from_table(table, target, config.seed_policy)


def _merged(
    name: str,
    own: SurrogateDataset,
    further: SurrogateDataset | None,
    table: "BenchmarkTable | None" = None,
) -> Source:
    """One dataset of both; what `own` has already is not extended."""
    known = set(own.keys)
    added = [] if further is None else [i for i, k in enumerate(further.keys) if k not in known]
    if further is not None and added:
        rest = further.subset(added)
        dataset = SurrogateDataset(
            own.target,
            own.graphs + rest.graphs,
            np.concatenate([own.values, rest.values]),
            np.concatenate([own.seed_counts, rest.seed_counts]),
            np.concatenate([own.seed_variances, rest.seed_variances]),
            own.excluded_rows + rest.excluded_rows,
        ).sorted_by_key()
    else:
        dataset = own.sorted_by_key()
    extended = [
        graph.key not in known or (table is not None and not _is_standard(graph))
        for graph in dataset.graphs
    ]
    seed_labels = None if table is None else _seed_labels(table, dataset)
    return Source(name, dataset, np.array(extended, dtype=bool), seed_labels)


def _is_standard(graph: CellGraph) -> bool:
    """Whether a graph lies in the space of NAS-Bench-ASR."""
    ops = {op.name for op in graph.ops[1:-1]}
    return ops <= set(NB_ASR_OPS) and graph.inner_nodes <= _STANDARD_NODES


def _seed_labels(table: "BenchmarkTable", dataset: SurrogateDataset) -> FloatArray:
    from train_benchmark.table import label_of

    column = {seed: i for i, seed in enumerate(table.seeds)}
    labels = np.full((len(dataset), len(column)), np.nan)
    for row, key in enumerate(dataset.keys):
        for record in table.rows_of(key):
            labels[row, column[record.seed]] = label_of(record, dataset.target.label)
    return labels


def _of_graphs(path: Path, target: Target) -> SurrogateDataset:
    graphs, values = [], []
    for row in read_graphs(path):
        if target.label not in row.targets:
            raise UserError(
                f"the graphs in {path} have no target {target.label!r}; they have "
                f"{', '.join(sorted(row.targets))}"
            )
        graphs.append(row.graph)
        values.append(row.targets[target.label])
    n = len(graphs)
    dataset = SurrogateDataset(
        target,
        tuple(graphs),
        np.array(values),
        np.ones(n, dtype=np.int64),
        np.full(n, np.nan),
    )
    return dataset.sorted_by_key()
