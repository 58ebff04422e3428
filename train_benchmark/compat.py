"""The original's reader object, over released files and over tables of this project.

Programs written for `nasbench_asr.dataset` find its names, arguments and forms of answers here.
One thing differs: where a seed is left out and there are several, the original draws one at
random at each call; here that is an error.

Source: API of SamsungLabs/nb-asr v1.1.0, `nasbench_asr/dataset.py`.
"""

import operator
from collections.abc import Sequence
from pathlib import Path
from typing import Any, SupportsIndex

from graph_encoding.cell import Cell
from graph_encoding.errors import UserError
from graph_encoding.published import published_hash
from train_benchmark.released_files import ReleasedFile, ReleasedStatic, ReleasedTraining
from train_benchmark.released_table import (
    ReleasedFolder,
    latency_of,
    read_released_folder,
    release_of_table,
)
from train_benchmark.table import BenchmarkTable

Arch = Cell | Sequence[Sequence[int]]
"""A cell, or the original's nested form: [[op, flag], [op, flag, flag], ...]."""


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
        folder: where the files are.
        max_epochs: length of the trainings; 40 if None.
        seeds: one or several; all that are there if None. A missing one is an error.
        devices: one or several; all that are there if None; none at all if False.
        include_static_info: read params and FLOPs too.
        validate_data: make sure that all files hold the same cells.

    Raises:
        UserError: if files are missing, damaged or do not fit together.
    """
    release = read_released_folder(
        Path(folder).expanduser(),
        epochs=40 if max_epochs is None else max_epochs,
        seeds=[operator.index(seeds)] if isinstance(seeds, SupportsIndex) else seeds,
        devices=[] if devices is False else _listed(None if devices is True else devices),
    )
    if not include_static_info:
        release = ReleasedFolder(release.trainings, release.latencies, None)
    elif release.static is None:
        raise UserError(f"folder {folder} has no nb-asr-info.pickle; leave static info out")
    return Dataset(release, validate_data=validate_data)


def from_table(name_or_folder: str | Path) -> "Dataset":
    """A table of this project behind the original's API.

    Raises:
        UserError: if there is no such table, or it has no training of the original's classes.
    """
    return Dataset(release_of_table(BenchmarkTable.load(name_or_folder)), validate_data=False)


class Dataset:
    """Trainings, latencies and static costs by published class.

    Error rates are phone error rates, lower is better, also where a method of the original's is
    called accuracy.

    Args:
        release: the files.
        validate_data: make sure that all files of trainings hold the same cells.

    Raises:
        UserError: if they do not.
    """

    def __init__(self, release: ReleasedFolder, *, validate_data: bool = True) -> None:
        self._release = release
        self.seeds = list(release.trainings)
        self.devices = list(release.latencies)
        self.header = dict(next(iter(release.trainings.values())).header)
        self.header.pop("seed")
        self._trainings = {
            seed: {r.model_hash: r for r in file.rows if isinstance(r, ReleasedTraining)}
            for seed, file in release.trainings.items()
        }
        self._latencies = {name: latency_of(file) for name, file in release.latencies.items()}
        self._static = _static_of(release.static)
        if validate_data:
            self._validate()

    def _validate(self) -> None:
        first, *others = self.seeds
        cells = {name: row.cell for name, row in self._trainings[first].items()}
        for seed in others:
            if {name: row.cell for name, row in self._trainings[seed].items()} != cells:
                raise UserError(
                    f"the files of seeds {first} and {seed} must hold the same cells, but do not; "
                    "read them one by one, or pass validate_data=False"
                )

    @property
    def version(self) -> int:
        """Version of the files."""
        return int(self.header["version"])

    @property
    def search_space(self) -> list[list[int]]:
        """Number of options of each choice, nested as a cell is."""
        return list(self.header["search_space"]["shape"])

    @property
    def ops(self) -> list[str]:
        """Operations, in index order."""
        return list(self.header["search_space"]["ops"])

    @property
    def nodes(self) -> int:
        """Nodes of a cell."""
        return int(self.header["search_space"]["nodes"])

    @property
    def columns(self) -> list[str]:
        """Names of the values of a training."""
        return list(self.header["columns"])

    @property
    def epochs(self) -> int:
        """Epochs of a training."""
        return int(self.header["epochs"])

    def __contains__(self, arch: Arch) -> bool:
        """Whether the first seed has the class of a cell."""
        return _hash(arch) in self._trainings[self.seeds[0]]

    def full_info(
        self,
        arch: Arch,
        seed: int | None = None,
        devices: bool | str | Sequence[str] | None = None,
        include_static_info: bool | None = None,
        return_dict: bool = True,
    ) -> dict[str, Any] | list[Any] | None:
        """All that is known of a cell's class with one seed.

        Args:
            arch: the cell.
            seed: which training; may be left out only if there is one seed.
            devices: latencies to add; all if None, none if False.
            include_static_info: add params and FLOPs; if None, only where they were read.
            return_dict: names and values, or a list in the order of `columns`, the seed, the
                latencies and the static information.

        Returns:
            None if the class has no training with this seed.

        Raises:
            UserError: if the seed is missing or unknown, or what is to be added was not read.
        """
        return self._info(_hash(arch), seed, devices, include_static_info, return_dict)

    def full_info_by_graph(
        self,
        graph: Cell | str,
        seed: int | None = None,
        devices: bool | str | Sequence[str] | None = None,
        include_static_info: bool | None = None,
        return_dict: bool = True,
    ) -> dict[str, Any] | list[Any] | None:
        """As `full_info`, for a class given by its published hash or any of its cells."""
        name = graph if isinstance(graph, str) else published_hash(graph)
        return self._info(name, seed, devices, include_static_info, return_dict)

    def _info(
        self,
        name: str,
        seed: int | None,
        devices: bool | str | Sequence[str] | None,
        include_static_info: bool | None,
        return_dict: bool,
    ) -> dict[str, Any] | list[Any] | None:
        chosen = self._seed(seed)
        row = self._trainings[chosen].get(name)
        if row is None:
            return None
        values: list[Any] = [name, list(row.val_per), row.test_per, row.cell.arch_vec, chosen]
        info = dict(zip([*self.columns, "seed"], values, strict=True))
        if devices is not False and (devices is not None or self.devices):
            wanted = self._devices(None if devices is True else devices)
            seconds = [self._latencies[device].get(name) for device in wanted]
            values += [None if s is None else [s] for s in seconds]
            info |= {
                device: None if s is None else {"latency": s}
                for device, s in zip(wanted, seconds, strict=True)
            }
        if include_static_info or (include_static_info is None and self._static):
            static = self._static_row(name)
            values.append(static)
            info["info"] = dict(zip(("params", "flops"), static, strict=True)) if static else None
        return info if return_dict else values

    def test_acc(self, arch: Arch, seed: int | None = None) -> float | None:
        """Test PER at the epoch of the lowest validation PER; lower is better."""
        row = self._trainings[self._seed(seed)].get(_hash(arch))
        return None if row is None else row.test_per

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
            epoch: last epoch to look at, from 1; all if None.
            best: the lowest up to that epoch, or the one after it.
            seed: which training.
        """
        row = self._trainings[self._seed(seed)].get(_hash(arch))
        if row is None:
            return None
        last = len(row.val_per) if epoch is None else epoch
        if not 1 <= last <= len(row.val_per):
            raise UserError(f"an epoch must be in 1 .. {len(row.val_per)}, but got {epoch}")
        return min(row.val_per[:last]) if best else row.val_per[last - 1]

    def latency(
        self,
        arch: Arch,
        devices: str | Sequence[str] | None = None,
        return_dict: bool = False,
    ) -> list[Any] | dict[str, Any] | None:
        """Seconds on each device, as [[s], ...] or {device: {"latency": s}}; None if unknown."""
        name = _hash(arch)
        wanted = self._devices(devices)
        seconds = [self._latencies[device].get(name) for device in wanted]
        if None in seconds:
            return None
        if return_dict:
            return {d: {"latency": s} for d, s in zip(wanted, seconds, strict=True)}
        return [[s] for s in seconds]

    def params(self, arch: Arch) -> int | None:
        """Trainable parameters; None if the class is unknown."""
        static = self._static_row(_hash(arch))
        return None if static is None else static[0]

    def flops(self, arch: Arch) -> int | None:
        """Floating-point operations for one second of speech; None if the class is unknown."""
        static = self._static_row(_hash(arch))
        if static is not None and static[1] is None:
            raise UserError(f"files of version {self.version} have no FLOPs; version 2 has")
        return None if static is None else static[1]

    def _seed(self, seed: int | None) -> int:
        if seed is None and len(self.seeds) == 1:
            return self.seeds[0]
        if seed not in self.seeds:
            raise UserError(
                f"say which training: seed must be one of {self.seeds}, but is {seed}; nothing is "
                "drawn at random here"
            )
        return seed

    def _devices(self, devices: str | Sequence[str] | None) -> list[str]:
        wanted = self.devices if devices is None else _listed(devices) or []
        unknown = [device for device in wanted if device not in self.devices]
        if unknown or not wanted:
            raise UserError(f"latencies must be of {self.devices}, but are asked of {unknown}")
        return list(wanted)

    def _static_row(self, name: str) -> tuple[int, int | None] | None:
        if not self._static:
            raise UserError("no static information was read: pass include_static_info=True")
        return self._static.get(name)


def _static_of(file: ReleasedFile | None) -> dict[str, tuple[int, int | None]]:
    if file is None:
        return {}
    rows = (row for row in file.rows if isinstance(row, ReleasedStatic))
    return {row.model_hash: (row.params, row.flops) for row in rows}


def _listed(value: str | Sequence[str] | None) -> list[str] | None:
    if value is None:
        return None
    return [value] if isinstance(value, str) else list(value)


def _hash(arch: Arch) -> str:
    return published_hash(arch if isinstance(arch, Cell) else Cell.from_arch_vec(arch))
