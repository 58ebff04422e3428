"""Measured latencies of a table's functions, by setting."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from graph_encoding.common.errors import UserError
from train_benchmark.record_files.folder_kinds import read_latency_store
from train_benchmark.record_files.latency_record import (
    LatencyRecord,
    read_latencies,
    read_latency_columns,
)
from train_benchmark.record_files.record_reader import replaces
from train_benchmark.table.storage import (
    check_files,
    read_metadata,
    resolve_table_folder,
    shipped_tables,
)

LATENCY_FILE = "latency.parquet"

_READ = ("functional_key", "cell", "setting", "status", "error", "latency_s", "device")


class TableLatencies:
    """The latencies of a table, read lazily.

    Args:
        path: a `latency.parquet`; None for a table without latencies.
        shared_by: name of the shipped table that the file belongs to; None for the table's own.
    """

    def __init__(self, path: Path | None, shared_by: str | None = None) -> None:
        self.path = path
        self.shared_by = shared_by

    @cached_property
    def _rows(self) -> pa.Table | None:
        return None if self.path is None else read_latency_columns(self.path, _READ)

    def _values(self, *columns: str) -> Iterable[tuple[Any, ...]]:
        """Values of some columns, row by row."""
        if self._rows is None:
            return ()
        return zip(*(self._rows[name].to_pylist() for name in columns), strict=True)

    @cached_property
    def _measured(self) -> dict[tuple[str, str], dict[str, float]]:
        """(setting, device) -> functional key -> seconds."""
        found: dict[tuple[str, str], dict[str, float]] = {}
        names = ("functional_key", "setting", "device", "status", "latency_s")
        for key, setting, device, status, latency_s in self._values(*names):
            if status == "ok":
                found.setdefault((setting, device), {})[key] = latency_s
        return found

    @cached_property
    def _failures(self) -> dict[tuple[str, str, str], str]:
        """(setting, device, functional key) -> why a measurement failed."""
        rows = self._values("setting", "device", "functional_key", "status", "error")
        return {(s, d, key): f"{status}: {error}" for s, d, key, status, error in rows if error}

    @cached_property
    def _cells(self) -> dict[str, str]:
        return dict(self._values("functional_key", "cell"))

    def cell_of(self, functional_key: str) -> str:
        """Text of the measured cell of a function."""
        return self._cells[functional_key]

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the settings with a measured function, sorted."""
        return tuple(sorted({setting for setting, _ in self._measured}))

    def devices(self, setting: str) -> tuple[str, ...]:
        """Devices on which a setting was measured, sorted."""
        return tuple(sorted(device for name, device in self._measured if name == setting))

    def counts(self, setting: str) -> int:
        """Number of functions measured in a setting, over all devices."""
        return sum(len(found) for (name, _), found in self._measured.items() if name == setting)

    def seconds(self, setting: str, device: str | None = None) -> Mapping[str, float]:
        """Seconds of one run of each measured function, by functional key.

        Args:
            setting: name of a setting, such as "timit-micro/cpu-onnx-fp32-t1-b1-1s".
            device: name of the processor; optional if there is only one.

        Raises:
            UserError: if the setting or device was not measured, or a device must be named.
        """
        return self._measured[setting, self._device(setting, device)]

    def _device(self, setting: str, device: str | None) -> str:
        """The named or the only device; see `seconds`."""
        devices = self.devices(setting)
        if not devices:
            raise UserError(
                f"a latency setting must be one of those that were measured "
                f"({', '.join(self.settings) or 'none'}), but got {setting!r}"
            )
        if device is None and len(devices) > 1:
            raise UserError(
                f"setting {setting!r} was measured on {len(devices)} devices: name one of "
                f"{', '.join(map(repr, devices))}"
            )
        chosen = devices[0] if device is None else device
        if chosen not in devices:
            raise UserError(
                f"setting {setting!r} was measured on {', '.join(map(repr, devices))}, not on "
                f"{device!r}"
            )
        return chosen

    def failure_of(
        self, functional_key: str, setting: str, device: str | None = None
    ) -> str | None:
        """Why measuring a function failed in a setting; None if it was not tried, or succeeded.

        Args:
            functional_key: the function.
            setting: name of a setting.
            device: as for `seconds`, with the same errors.
        """
        return self._failures.get((setting, self._device(setting, device), functional_key))

    def records(self) -> tuple[LatencyRecord, ...]:
        """All records, including failed ones."""
        return () if self.path is None else read_latencies(self.path)


def shared_latencies(name: str, recipe: Mapping[str, Any], semantics: str) -> TableLatencies:
    """The latencies of a shipped table, for another table of the same network.

    Args:
        name: name of the shipped table.
        recipe: recipe of the other table.
        semantics: how the other table reads cells.

    Raises:
        CorruptFileError: if a file of the shipped table is damaged.
        UserError: if there is no such table, it has no latencies, or its network is another one.
    """
    if name not in shipped_tables():
        raise UserError(
            f"latencies may be shared by a shipped table ({', '.join(shipped_tables())}), but got "
            f"{name!r}; attach the sweeps of another table with `nasasr table attach-latency`"
        )
    folder = resolve_table_folder(name)
    described = read_metadata(folder, ("recipe", "semantics"))
    if LATENCY_FILE not in check_files(folder, described):
        raise UserError(f"table {name!r} has no latencies of its own to share; name another table")
    of_shipped = (described["recipe"].get("macro"), described["semantics"])
    if of_shipped != (recipe.get("macro"), semantics):
        raise UserError(
            f"a table may share the latencies of {name!r} only if both have the same 'macro' "
            "network and semantics, but theirs differ; measure its own with `nasasr latency`"
        )
    return TableLatencies(folder / LATENCY_FILE, shared_by=name)


def gather_latencies(
    sweeps: Sequence[Path], semantics: str, known: Sequence[LatencyRecord] = ()
) -> tuple[LatencyRecord, ...]:
    """The records of folders that `nasasr latency` wrote, sorted.

    Args:
        sweeps: folders; equal rows count once.
        semantics: semantics of the table, which all rows must have.
        known: records that the table has already. Successful records replace failed ones.

    Raises:
        UserError: if a folder has no record, a row has other semantics, or one (setting, device,
            function) has two different rows that did not fail.
    """
    found = {_identity(record): record for record in known}
    for folder in sweeps:
        records = read_latency_store(folder).values()
        if not records:
            raise UserError(f"{folder} must be a folder of `nasasr latency`, but has no record")
        for record in records:
            if record.semantics != semantics:
                raise UserError(
                    f"the latencies in {folder} read cells as {record.semantics!r}, the table as "
                    f"{semantics!r}; measure them with the table's semantics"
                )
            other = found.setdefault(_identity(record), record)
            if replaces(record, other):
                found[_identity(record)] = record
            elif (
                record.status != "failed"
                and not replaces(other, record)
                and other.to_json() != record.to_json()
            ):
                where = "the table" if other in known else "another folder"
                raise UserError(
                    f"a table must have one latency for each (setting, device, function), but "
                    f"{_identity(record)} has two that differ, in {where} and in {folder}; leave "
                    f"{folder} out, or, if it is of another machine, measure it again with "
                    "`nasasr latency --device NAME`"
                )
    return tuple(found[identity] for identity in sorted(found))


def _identity(record: LatencyRecord) -> tuple[str, str, str]:
    return record.setting, record.device, record.functional_key
