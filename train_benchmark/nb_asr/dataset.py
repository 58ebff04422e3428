"""The original's API, for released files and for tables of this project.

Names, arguments and results are those of `nasbench_asr.dataset`: cells as lists of tuples, rows as
lists in the order of `columns`. Differences:

- If several seeds are available, a seed must be given; the original draws one at random per call.
- Missing files, seeds, devices and epochs are errors in `from_folder` and `val_acc`.
- A missing class gives None in every call; the original fails in some.
- `include_static_info=None` adds static information if it was read, as in the original's README.
- `Dataset.devices` and `Dataset.flops` are additional names.

Source: API of SamsungLabs/nb-asr v1.1.0, `nasbench_asr/dataset.py`.
"""

import operator
from collections.abc import Sequence
from pathlib import Path
from typing import Any, SupportsIndex

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError
from graph_encoding.published.graph_hash import published_graph_hash, published_hash
from train_benchmark.nb_asr.convert import read_released_folder, release_of_table
from train_benchmark.nb_asr.latency_and_costs import (
    Arch,
    BenchmarkingDataset,
    File,
    FileDataset,
    StaticInfoDataset,
    hash_of,
    listed,
)
from train_benchmark.table.benchmark_table import BenchmarkTable

__all__ = ["BenchmarkingDataset", "Dataset", "StaticInfoDataset", "from_folder", "from_table"]


def from_folder(
    folder: str | Path,
    max_epochs: int | None = None,
    seeds: SupportsIndex | Sequence[int] | None = None,
    devices: bool | str | Sequence[str] | None = None,
    include_static_info: bool = False,
    validate_data: bool = True,
) -> "Dataset":
    """Read a folder of released files, with the original's arguments.

    Args:
        folder: folder of the files.
        max_epochs: length of the trainings; 40 if None.
        seeds: one or several; all if None.
        devices: one or several; all if None, none if False.
        include_static_info: read params and FLOPs too.
        validate_data: check that all files have the same cells.

    Raises:
        UserError: if files are missing, damaged or do not fit together.
    """
    release = read_released_folder(
        Path(folder).expanduser(),
        epochs=40 if max_epochs is None else max_epochs,
        seeds=[operator.index(seeds)] if isinstance(seeds, SupportsIndex) else seeds,
        devices=[] if devices is False else listed(None if devices is True else devices),
    )
    if include_static_info and release.static is None:
        raise UserError(f"folder {folder} has no nb-asr-info.pickle; leave static info out")
    return Dataset(
        list(release.trainings.values()),
        list(release.latencies.values()),
        release.static if include_static_info else None,
        validate_data=validate_data,
    )


def from_table(name_or_folder: str | Path) -> "Dataset":
    """A table of this project with the original's API.

    Raises:
        UserError: if the table does not exist, or has no training of the original's classes.
    """
    release = release_of_table(BenchmarkTable.load(name_or_folder))
    return Dataset(
        list(release.trainings.values()),
        list(release.latencies.values()),
        release.static,
        validate_data=False,
    )


class Dataset(FileDataset):
    """Trainings, latencies and static costs by published class.

    All error rates are phone error rates, lower is better, although the original calls some of
    them accuracies.

    Args:
        dataset_files: files of trainings, of one or several seeds.
        devices_files: files of latencies.
        static_info: file of parameters and FLOPs.
        validate_data: check that all files of trainings have the same cells.

    Attributes:
        seeds: seed of each file of trainings.
        bench_info: the latencies, None if there are none.
        static_info: the static costs, None if there are none.

    Raises:
        UserError: if a file cannot be read, has another type or does not fit the others.
    """

    def __init__(
        self,
        dataset_files: File | Sequence[File],
        devices_files: File | Sequence[File] | None = None,
        static_info: File | None = None,
        validate_data: bool = True,
    ) -> None:
        super().__init__(dataset_files, "training", "seed")
        self.seeds: list[int] = self._names
        self.bench_info = BenchmarkingDataset(devices_files) if devices_files else None
        self.static_info = StaticInfoDataset(static_info) if static_info else None
        if validate_data:
            self._validate()

    def _validate(self) -> None:
        cells = {name: row[2] for name, row in self.dbs[0].items()}
        for seed, rows in zip(self.seeds, self.dbs, strict=True):
            if {name: row[2] for name, row in rows.items()} != cells:
                raise UserError(
                    f"the files of seeds {self.seeds[0]} and {seed} must have the same cells, but "
                    "differ; read them one by one, or pass validate_data=False"
                )

    @property
    def devices(self) -> list[str]:
        """Devices with latencies."""
        return self.bench_info.devices if self.bench_info else []

    @property
    def epochs(self) -> int:
        """Epochs of a training."""
        return int(self.header["epochs"])

    def full_info(
        self,
        arch: Arch,
        seed: int | None = None,
        devices: bool | str | Sequence[str] | None = None,
        include_static_info: bool | None = None,
        return_dict: bool = True,
    ) -> dict[str, Any] | list[Any] | None:
        """All information on a cell's class with one seed.

        Args:
            arch: the cell.
            seed: the training; optional only if there is one seed.
            devices: latencies to add; all if None, none if False.
            include_static_info: add params and FLOPs; if None, only if they were read.
            return_dict: a dict, or a list in the order of `columns`, the seed, the latencies and
                the static information.

        Returns:
            None if the class has no training with this seed.

        Raises:
            UserError: if the seed is missing or unknown, or the additions were not read.
        """
        return self.full_info_by_graph(
            hash_of(arch), seed, devices, include_static_info, return_dict
        )

    def full_info_by_graph(
        self,
        graph: Any,
        seed: int | None = None,
        devices: bool | str | Sequence[str] | None = None,
        include_static_info: bool | None = None,
        return_dict: bool = True,
    ) -> dict[str, Any] | list[Any] | None:
        """As `full_info`, for the class of a graph.

        Args:
            graph: a (matrix, labels) pair of the original's `get_model_graph`, or that and the
                graph before minimising; a networkx graph whose nodes have a `label`; a published
                hash; or a cell.
            seed: as in `full_info`, like the other arguments.
            devices: latencies to add.
            include_static_info: add params and FLOPs.
            return_dict: a dict, or a list.

        Raises:
            UserError: as `full_info` does, and if the graph is none of these.
        """
        name = _graph_hash(graph)
        chosen = self._seed(seed)
        row = self._row(name, chosen)
        if row is None:
            return None
        values: list[Any] = [name, *row, chosen]
        info = {**self.named(row), self.columns[0]: name, "seed": chosen}
        if devices is not False and (devices is not None or self.bench_info):
            wanted = None if devices is True else devices
            found = self._bench().of_hash(name, wanted, return_dict=return_dict)
            values += found.values()
            info |= found
        if include_static_info or (include_static_info is None and self.static_info):
            static = self._static().of_hash(name, return_dict=return_dict)
            values.append(static)
            info["info"] = static
        return info if return_dict else values

    def test_acc(self, arch: Arch, seed: int | None = None) -> float | None:
        """Test PER at the epoch of the lowest validation PER; lower is better."""
        row = self._row(hash_of(arch), self._seed(seed))
        return None if row is None else row[1]

    def val_acc(
        self,
        arch: Arch,
        epoch: int | None = None,
        best: bool = True,
        seed: int | None = None,
    ) -> float | None:
        """Validation PER; lower is better.

        Args:
            arch: the cell.
            epoch: last epoch to use, from 1; all if None.
            best: the lowest up to that epoch, instead of the one after it.
            seed: the training.
        """
        row = self._row(hash_of(arch), self._seed(seed))
        if row is None:
            return None
        val_per: list[float] = row[0]
        last = len(val_per) if epoch is None else epoch
        if not 1 <= last <= len(val_per):
            raise UserError(f"an epoch must be in 1 .. {len(val_per)}, but got {epoch}")
        return min(val_per[:last]) if best else val_per[last - 1]

    def latency(
        self,
        arch: Arch,
        devices: str | Sequence[str] | None = None,
        return_dict: bool = False,
    ) -> list[Any] | dict[str, Any] | None:
        """See `BenchmarkingDataset.latency`."""
        return self._bench().latency(arch, devices, return_dict)

    def params(self, arch: Arch) -> int | None:
        """See `StaticInfoDataset.params`."""
        return self._static().params(arch)

    def flops(self, arch: Arch) -> int | None:
        """See `StaticInfoDataset.flops`."""
        return self._static().flops(arch)

    def _row(self, name: str, seed: int) -> list[Any] | None:
        """A copy of a row, so that callers cannot change `dbs`."""
        row = self.dbs[self.seeds.index(seed)].get(name)
        return None if row is None else [list(row[0]), row[1], list(row[2])]

    def _seed(self, seed: int | None) -> int:
        if seed is None and len(self.seeds) == 1:
            return self.seeds[0]
        if seed not in self.seeds:
            raise UserError(
                f"seed must be one of {self.seeds}, but is {seed!r}; no seed is drawn at random "
                "here"
            )
        return seed

    def _bench(self) -> BenchmarkingDataset:
        if self.bench_info is None:
            raise UserError("no latencies were read: pass files of devices")
        return self.bench_info

    def _static(self) -> StaticInfoDataset:
        if self.static_info is None:
            raise UserError("no static information was read: pass include_static_info=True")
        return self.static_info


def _graph_hash(graph: Any) -> str:
    """The published hash of a graph in any of the forms of `full_info_by_graph`."""
    if isinstance(graph, str):
        return graph
    if isinstance(graph, Cell):
        return published_hash(graph)
    if isinstance(graph, tuple) and len(graph) == 2:
        # `get_model_graph` returns the minimised graph, or that and the original graph.
        pair = graph[0] if isinstance(graph[0], tuple) else graph
        return published_graph_hash(*pair)
    if hasattr(graph, "is_directed") and graph.is_directed():
        order = sorted(graph.nodes)
        edges = set(graph.edges())
        matrix = [[(source, target) in edges for target in order] for source in order]
        return published_graph_hash(matrix, [graph.nodes[node].get("label") for node in order])
    raise UserError(
        "a graph must be a (matrix, labels) pair, a directed networkx graph, a published hash or "
        f"a Cell, but got {type(graph).__name__}; make one with the original's get_model_graph"
    )
