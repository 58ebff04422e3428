"""The original's API for latencies and static costs; that for trainings is in `dataset`.

Source: API of SamsungLabs/nb-asr v1.1.0, `nasbench_asr/dataset.py`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graph_encoding.cell import Cell
from graph_encoding.common.errors import UserError, shown
from graph_encoding.published.graph_hash import published_hash
from train_benchmark.nb_asr.convert import check_alike
from train_benchmark.nb_asr.files import (
    ReleasedFile,
    ReleasedLatency,
    ReleasedRow,
    ReleasedTraining,
    read_released,
)

Arch = Cell | Sequence[Sequence[int]]
"""A cell, or the original's nested form: [[op, flag], [op, flag, flag], ...]."""

File = str | Path | ReleasedFile
"""A released file: its path or its content."""


class FileDataset:
    """Base class of datasets.

    Attributes:
        dbs: rows of each file by published hash, without the hash.
        header: header of the files, without the field that differs.
    """

    def __init__(self, files: File | Sequence[File], kind: str, varied: str) -> None:
        paths = [files] if isinstance(files, File) else list(files)
        read = [f if isinstance(f, ReleasedFile) else read_released(Path(f)) for f in paths]
        if not read:
            raise UserError(f"a dataset must have one {kind} file or more, but got none")
        for file in read:
            if file.dataset_type != kind:
                raise UserError(
                    f"the files must be of dataset_type {kind!r}, but one is of "
                    f"{file.dataset_type!r}; pass it to the class of its type"
                )
        names: list[Any] = [file.header.get(varied) for file in read]
        if len(set(names)) < len(names):
            raise UserError(f"the files must each have a {varied} of their own, but have {names}")
        check_alike(dict(zip(names, read, strict=True)), varied)
        self._names = names
        self.header = {k: v for k, v in read[0].header.items() if k != varied}
        self.dbs: list[dict[str, list[Any]]] = [
            {row.model_hash: _plain(row) for row in file.rows} for file in read
        ]

    @property
    def version(self) -> int:
        """Version of the files."""
        return int(self.header["version"])

    def _of_space(self, field: str) -> Any:
        if "search_space" not in self.header:
            raise UserError(
                "the header must have a search_space, but is "
                f"{shown(self.header, 200)}; use files that have it, such as the released ones"
            )
        return self.header["search_space"][field]

    @property
    def search_space(self) -> list[list[int]]:
        """Number of options per choice, nested like a cell."""
        return list(self._of_space("shape"))

    @property
    def ops(self) -> list[str]:
        """Operations, in index order."""
        return list(self._of_space("ops"))

    @property
    def nodes(self) -> int:
        """Nodes of a cell."""
        return int(self._of_space("nodes"))

    @property
    def columns(self) -> list[str]:
        """Column names, the published hash first."""
        return list(self.header["columns"])

    def __contains__(self, arch: Arch) -> bool:
        """Whether the first file has the class of a cell."""
        return hash_of(arch) in self.dbs[0]

    def named(self, row: Sequence[Any]) -> dict[str, Any]:
        """The values of a row by column."""
        return dict(zip(self.columns[1:], row, strict=True))


class StaticInfoDataset(FileDataset):
    """Parameters and FLOPs by published class.

    Args:
        dataset_file: the file.

    Raises:
        UserError: if it cannot be read or has another type.
    """

    def __init__(self, dataset_file: File) -> None:
        super().__init__(dataset_file, "static", "")

    def params(self, arch: Arch) -> int | None:
        """Trainable parameters; None if the class is unknown."""
        row = self.dbs[0].get(hash_of(arch))
        return None if row is None else row[0]

    def flops(self, arch: Arch) -> int | None:
        """Floating-point operations for one second of speech; None if the class is unknown.

        Raises:
            UserError: if the version of the file has no FLOPs.
        """
        if "flops" not in self.columns:
            raise UserError(f"files of version {self.version} have no FLOPs; version 2 has")
        row = self.dbs[0].get(hash_of(arch))
        return None if row is None else row[1]

    def of_hash(self, name: str, *, return_dict: bool) -> dict[str, Any] | list[Any] | None:
        """All static information of a class, as a dict or in the order of `columns`."""
        row = self.dbs[0].get(name)
        if row is None:
            return None
        return self.named(row) if return_dict else list(row)


class BenchmarkingDataset(FileDataset):
    """Latencies by published class.

    Args:
        dataset_files: files of one or several devices.
        validate_data: has no effect; devices may have timed different cells.

    Raises:
        UserError: if a file cannot be read, has another type, or two have one device.
    """

    def __init__(self, dataset_files: File | Sequence[File], validate_data: bool = True) -> None:
        del validate_data
        super().__init__(dataset_files, "benchmarking", "device")
        self.devices: list[str] = self._names

    def latency(
        self,
        arch: Arch,
        devices: str | Sequence[str] | None = None,
        return_dict: bool = False,
    ) -> list[Any] | dict[str, Any] | None:
        """Seconds on each device, as [[s], ...] or {device: {"latency": s}}; None if unknown.

        Raises:
            UserError: if a device is unknown.
        """
        found = self.of_hash(hash_of(arch), devices, return_dict=return_dict)
        return None if None in found.values() else found if return_dict else list(found.values())

    def of_hash(
        self, name: str, devices: str | Sequence[str] | None, *, return_dict: bool
    ) -> dict[str, Any]:
        """The row of a class per device, {"latency": s} or [s]; None if missing."""
        wanted = self.devices if devices is None else listed(devices) or []
        unknown = [device for device in wanted if device not in self.devices]
        if unknown or not wanted:
            raise UserError(f"latencies must be of {self.devices}, but are asked of {unknown}")
        rows = {device: self.dbs[self.devices.index(device)].get(name) for device in wanted}
        return {
            device: None if row is None else self.named(row) if return_dict else list(row)
            for device, row in rows.items()
        }


def _plain(row: ReleasedRow) -> list[Any]:
    """A row's values without its hash, in the original's form."""
    if isinstance(row, ReleasedTraining):
        return [list(row.val_per), row.test_per, [tuple(node) for node in row.cell.arch_vec]]
    if isinstance(row, ReleasedLatency):
        return [row.latency_s]
    return [row.params] if row.flops is None else [row.params, row.flops]


def listed(value: str | Sequence[str] | None) -> list[str] | None:
    """One or several names as a list."""
    if value is None:
        return None
    return [value] if isinstance(value, str) else list(value)


def hash_of(arch: Arch) -> str:
    """The published hash of a cell in either form."""
    return published_hash(arch if isinstance(arch, Cell) else Cell.from_arch_vec(arch))
