"""The labelled graphs of a comparison, with their known seed noise."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graph_encoding.common.errors import UserError
from graph_encoding.graph import CellGraph
from graph_encoding.interop.graph_file import read_graphs
from graph_encoding.ops import NB_ASR_OPS
from surrogate.data.dataset import SurrogateDataset
from surrogate.data.source_config import NamesSource
from surrogate.data.targets import TARGETS, TRANSFORMS, FloatArray, Logit, Target

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable

_STANDARD_NODES = 3
_GREATEST_RATE = 1.5
"""Insertions may raise a phone error rate above 1; larger ones are implausible."""


@dataclass(frozen=True, eq=False)
class Source:
    """Labelled graphs, sorted by key.

    Attributes:
        name: name of their origin.
        dataset: n graphs with their labels.
        extended: (n,) whether a key is outside the search space of the training keys.
        seed_labels: (n, s) label of each seed on the raw scale, NaN if a key was not trained with
            it; None if seeds are unknown.

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
        """sha256 of all data that a fit may use."""
        return self.dataset.content_sha256


def load_source(config: NamesSource) -> Source:
    """Read the labelled graphs that a configuration names, with the features of a graph file.

    Raises:
        UserError: if a file is missing or invalid, has no such target, or has labels out of range
            of its scale; if two tables have different recipes or corpora.
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
        own = _Part(_of_graphs(chosen.graphs, target))
        return _merged(str(chosen.graphs.name), own, _second(config, target))
    from train_benchmark.table.benchmark_table import BenchmarkTable

    target = TARGETS.get(config.target)
    table = BenchmarkTable.load(str(chosen.table))
    own = _Part(SurrogateDataset.from_table(table, target, config.seed_policy), table)
    second = _second(config, target)
    if second is not None and second.table is not None:
        _require_alike(table, second.table)
    return _merged(table.metadata.name, own, second)


@dataclass(frozen=True, eq=False)
class _Part:
    """Labelled graphs and their table, which is None for a file of graphs."""

    dataset: SurrogateDataset
    table: "BenchmarkTable | None" = None


def _require_alike(own: "BenchmarkTable", further: "BenchmarkTable") -> None:
    """Make sure that labels of two tables can be compared.

    Raises:
        UserError: if their recipes or corpora differ.
    """
    for what in ("recipe_hash", "corpus_fingerprint"):
        of_own, of_further = (getattr(table.metadata, what) for table in (own, further))
        if of_own != of_further:
            raise UserError(
                f"tables {own.metadata.name!r} and {further.metadata.name!r} of a source must be "
                f"of one recipe and corpus, but the {what} of the first is {of_own} and the "
                f"second's {of_further}; name another table as extended, or none"
            )


def _second(config: NamesSource, target: Target) -> _Part | None:
    """The additional test keys of `extended`, if the configuration names some."""
    if config.source.extended is None:
        return None
    path = Path(config.source.extended)
    if path.is_file():
        return _Part(_of_graphs(path, target))
    from train_benchmark.table.benchmark_table import BenchmarkTable

    table = BenchmarkTable.load(config.source.extended)
    return _Part(SurrogateDataset.from_table(table, target, config.seed_policy), table)


def _merged(name: str, first: _Part, second: _Part | None) -> Source:
    """One dataset of both; keys of the first are not extended."""
    own, further = first.dataset, None if second is None else second.dataset
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
        ).sorted_by_key()
    else:
        dataset = own.sorted_by_key()
    extended = [
        graph.key not in known or (first.table is not None and not _is_standard(graph))
        for graph in dataset.graphs
    ]
    parts = [first] if second is None else [first, second]
    return Source(name, dataset, np.array(extended, dtype=bool), _seed_labels(parts, dataset))


def _is_standard(graph: CellGraph) -> bool:
    """Whether a graph is in the search space of NAS-Bench-ASR."""
    ops = {op.name for op in graph.ops[1:-1]}
    return ops <= set(NB_ASR_OPS) and graph.inner_nodes <= _STANDARD_NODES


def _seed_labels(parts: Sequence[_Part], dataset: SurrogateDataset) -> FloatArray | None:
    """Labels per seed over all tables; those of a key are from the first part that has it."""
    from train_benchmark.table.benchmark_table import label_of

    seeds = sorted({seed for part in parts if part.table is not None for seed in part.table.seeds})
    if not seeds:
        return None
    column = {seed: i for i, seed in enumerate(seeds)}
    row_of = {key: row for row, key in enumerate(dataset.keys)}
    labels = np.full((len(dataset), len(column)), np.nan)
    for part in parts:
        for key in part.dataset.keys:
            row = row_of.pop(key, None)
            if row is None or part.table is None:
                continue
            for record in part.table.rows_of(key):
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
        graphs.append(row.graph_with_features)
        values.append(row.targets[target.label])
    if isinstance(target.transform, Logit):
        _require_rates(path, target.label, values)
    return SurrogateDataset.of_single(target, graphs, values).sorted_by_key()


def _require_rates(path: Path, label: str, values: Sequence[float]) -> None:
    """Make sure that labels are rates: a logit maps all labels above 1 to one value.

    Raises:
        UserError: if one cannot be a rate.
    """
    least, greatest = min(values), max(values)
    if least < 0 or greatest > _GREATEST_RATE:
        raise UserError(
            f"labels on the scale logit must be rates, from 0 to {_GREATEST_RATE}, but those of "
            f"{label!r} in {path} are from {least} to {greatest}; divide percents by 100, or "
            "choose the transform identity"
        )
