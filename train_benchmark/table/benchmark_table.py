"""The benchmark table: all trainings of one recipe, one row per (functional key, seed)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graph_encoding.common.errors import CorruptFileError, UserError
from graph_encoding.common.hashing import content_hash
from graph_encoding.functional_identity import functional_form
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from train_benchmark.labels import LABELS, check_label, definition_of, label_of, labels_of_curves
from train_benchmark.record import TrainingRecord
from train_benchmark.record_files.latency_record import LatencyRecord, write_latencies
from train_benchmark.record_files.training_rows import read_rows, rows_of_records
from train_benchmark.table.latencies import LATENCY_FILE, TableLatencies, shared_latencies
from train_benchmark.table.storage import (
    RECORDS_FILE,
    check_files,
    check_order,
    read_metadata,
    resolve_table_folder,
    shipped_tables,
    two_that_differ,
    write_table_folder,
)

__all__ = ["LABELS", "BenchmarkTable", "TableMetadata", "label_of"]

ORIGINAL_RECIPE = "nb-asr"
"""Name of the recipe of tables that were converted from the original's files."""

_LATENCY_OF = "latency_of"
"""Key of metadata.json: the shipped table whose latencies this table has too."""


@dataclass(frozen=True)
class TableMetadata:
    """Metadata that all rows of a table share.

    Attributes:
        name: the table's name.
        recipe: the whole recipe.
        recipe_hash: sha256 of the recipe.
        corpus_fingerprint: sha256 of the corpus.
        semantics: how cells were read.
        licence: licence notes of the table and of the speech behind it.
        created: date, ISO 8601.
    """

    name: str
    recipe: dict[str, Any]
    recipe_hash: str
    corpus_fingerprint: str
    semantics: str
    licence: str
    created: str

    @property
    def is_original(self) -> bool:
        """Whether the table was converted from the original's files."""
        return bool(self.recipe.get("name") == ORIGINAL_RECIPE)

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            kind = dict if field.name == "recipe" else str
            if not isinstance(value, kind):
                raise CorruptFileError(
                    f"{field.name!r} of a table's metadata must be of type {kind.__name__}, but is "
                    f"{value!r}; copy or build the table again"
                )


class BenchmarkTable:
    """Measured trainings of one recipe on one corpus, sorted by (functional key, seed).

    Rows are stored as columns; a `TrainingRecord` is built when a row is accessed.

    Args:
        metadata: metadata that all rows share.
        records: the rows, in any order; equal ones count once.
        latency: latencies of its functions; by default none.

    Attributes:
        metadata: metadata that all rows share.
        stated_dead_keys: `dead_keys` in the metadata of a loaded table; None for other tables.
        stated_labels: label definitions in the metadata of a loaded table; None for other tables,
            and for those of older versions.
        latency: the functions' measured latencies.

    Raises:
        UserError: if rows mix recipes, corpora or semantics, or two rows of one (key, seed)
            differ.
    """

    def __init__(
        self,
        metadata: TableMetadata,
        records: Sequence[TrainingRecord],
        latency: TableLatencies | None = None,
    ) -> None:
        unique: dict[tuple[str, int], TrainingRecord] = {}
        for record in records:
            other = unique.setdefault(record.identity, record)
            if other is not record and other.to_json() != record.to_json():
                raise two_that_differ(record.identity)
        ordered = [unique[identity] for identity in sorted(unique)]
        self._set(metadata, rows_of_records(ordered), latency or TableLatencies(None))

    def _set(self, metadata: TableMetadata, rows: pa.Table, latency: TableLatencies) -> None:
        self.metadata = metadata
        self.stated_dead_keys: tuple[str, ...] | None = None
        self.stated_labels: dict[str, str] | None = None
        self.latency = latency
        self._rows = rows
        for field in ("recipe_hash", "corpus_fingerprint", "semantics"):
            expected = getattr(metadata, field)
            others = set(rows[field].unique().to_pylist()) - {expected}
            if others:
                raise UserError(
                    f"all rows of a table must share one {field}, but table "
                    f"{metadata.name!r} has {expected!r} and rows have {sorted(others)}; "
                    "build one table for each"
                )

    def __len__(self) -> int:
        return int(self._rows.num_rows)

    @cached_property
    def records(self) -> tuple[TrainingRecord, ...]:
        """(n,) all rows."""
        return tuple(TrainingRecord.from_row(row) for row in self._rows.to_pylist())

    @cached_property
    def measured(self) -> tuple[TrainingRecord, ...]:
        """Rows of status "ok"; the others have no error rates."""
        return tuple(record for record in self.records if record.status == "ok")

    @property
    def rows_without_label(self) -> int:
        """Number of rows of another status than "ok"."""
        return len(self) - sum(len(rows) for rows in self._rows_of_key.values())

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """Distinct seeds, sorted."""
        return tuple(sorted(self._rows["seed"].unique().to_pylist()))

    def rows_of(self, functional_key: str) -> tuple[TrainingRecord, ...]:
        """Measured rows of a function, one per seed; empty if it was not measured."""
        found = self._rows.take(pa.array(self._rows_of_key.get(functional_key, []), pa.int64()))
        return tuple(TrainingRecord.from_row(row) for row in found.to_pylist())

    def statuses_of(self, functional_key: str) -> dict[int, str]:
        """Status of each training of a function, by seed; empty if it was not trained."""
        return self._statuses.get(functional_key, {})

    @cached_property
    def _statuses(self) -> dict[str, dict[int, str]]:
        found: dict[str, dict[int, str]] = {}
        columns = (self._rows[name].to_pylist() for name in ("functional_key", "seed", "status"))
        for key, seed, status in zip(*columns, strict=True):
            found.setdefault(key, {})[seed] = status
        return found

    @cached_property
    def _rows_of_key(self) -> dict[str, list[int]]:
        """Indices of the measured rows of each key."""
        groups: dict[str, list[int]] = {}
        columns = (self._rows[name].to_pylist() for name in ("functional_key", "status"))
        for row, (key, status) in enumerate(zip(*columns, strict=True)):
            if status == "ok":
                groups.setdefault(key, []).append(row)
        return groups

    @property
    def keys(self) -> tuple[str, ...]:
        """(k,) distinct functional keys with at least one measured row, sorted."""
        return tuple(self._rows_of_key)

    @cached_property
    def _seed_of_row(self) -> list[int]:
        return list(self._rows["seed"].to_pylist())

    def cell_of(self, functional_key: str) -> str:
        """Text of the cell that was trained for a measured function."""
        return str(self._rows["cell"][self._rows_of_key[functional_key][0]].as_py())

    def labels_of(self, functional_key: str, label: str) -> dict[int, float]:
        """One label of a function by seed; empty if it was not measured.

        Raises:
            UserError: if the label is not one of `LABELS`.
        """
        values = self._labels(label)
        rows = self._rows_of_key.get(functional_key, [])
        return {self._seed_of_row[row]: float(values[row]) for row in rows}

    def _labels(self, label: str) -> NDArray[np.float64]:
        """(n,) one label of all rows; NaN for rows without it."""
        if label not in self._label_columns:
            self._label_columns[label] = _label_column(self._rows, label)
        return self._label_columns[label]

    @cached_property
    def _label_columns(self) -> dict[str, NDArray[np.float64]]:
        return {}

    @cached_property
    def epochs(self) -> int | None:
        """Length of the measured learning curves; None if it is not unique."""
        ok = np.array(self._rows["status"].to_pylist()) == "ok"
        ends = self._rows["val_per_curve"].combine_chunks().offsets.to_numpy()
        lengths = set(np.diff(ends)[ok].tolist())
        return lengths.pop() if len(lengths) == 1 else None

    @property
    def label_definitions(self) -> dict[str, str]:
        """Definition of each label in words, with its window of epochs."""
        return {label: definition_of(label, self.epochs) for label in LABELS}

    def label_matrix(
        self, label: str, seeds: Sequence[int]
    ) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """One label of all functions that were measured with all given seeds.

        Args:
            label: one of `LABELS`.
            seeds: s seeds.

        Returns:
            The keys (k,), sorted, and the label as a (k, s) matrix.
        """
        keys, rows = [], []
        for key in self.keys:
            by_seed = self.labels_of(key, label)
            if all(seed in by_seed for seed in seeds):
                keys.append(key)
                rows.append([by_seed[seed] for seed in seeds])
        return tuple(keys), np.asarray(rows, dtype=np.float64).reshape(len(keys), len(seeds))

    @property
    def content_sha256(self) -> str:
        """Checksum of all trainings and latencies, independent of their storage."""
        rows = [record.to_json() for record in self.records]
        return content_hash([rows, [record.to_json() for record in self.latency.records()]])

    @property
    def dead_keys(self) -> tuple[str, ...]:
        """Dead functions of the standard space, sorted.

        They need no training, and campaigns skip them. Only tables of the original's files have
        them in `keys` too, because the original trained them.
        """
        return _dead_keys(Semantics(self.metadata.semantics))

    def save(self, folder: Path, latencies: Sequence[LatencyRecord] | None = None) -> None:
        """Write the table as a new folder, atomically.

        Args:
            folder: the new folder.
            latencies: latencies to write; by default those that the table has. Shared ones are
                not written, but the name of the table that shares them.

        Raises:
            UserError: if the folder exists or cannot be written.
        """
        described: dict[str, Any] = {
            **asdict(self.metadata),
            "labels": self.label_definitions,
            "dead_keys": list(self.dead_keys),
        }
        if latencies is None and self.latency.shared_by is not None:
            described[_LATENCY_OF] = self.latency.shared_by
            latencies = ()
        beside = self.latency.records() if latencies is None else latencies
        further = {LATENCY_FILE: partial(write_latencies, beside)} if beside else {}
        write_table_folder(folder, self._rows, described, further)

    @staticmethod
    def shipped() -> tuple[str, ...]:
        """Names of the packaged tables, sorted."""
        return shipped_tables()

    @classmethod
    def load(cls, name_or_folder: str | Path) -> "BenchmarkTable":
        """Read a table: a packaged one by name, or any by its folder (`./NAME`).

        Raises:
            CorruptFileError: if a file contradicts the metadata, or the metadata is damaged.
            UserError: if it does not exist, is an artifact, or has another schema version.
        """
        folder = resolve_table_folder(name_or_folder)
        names = [field.name for field in fields(TableMetadata)]
        described = read_metadata(folder, names)
        files = check_files(folder, described)
        metadata = TableMetadata(**{name: described[name] for name in names})
        table = cls.__new__(cls)
        try:
            latency = TableLatencies(folder / LATENCY_FILE if LATENCY_FILE in files else None)
            if _LATENCY_OF in described:
                latency = shared_latencies(
                    described[_LATENCY_OF], metadata.recipe, metadata.semantics
                )
            rows = read_rows(folder / RECORDS_FILE)
            check_order(rows)
            table._set(metadata, rows, latency)  # noqa: SLF001 -- a constructor of its own
        except UserError as e:
            raise CorruptFileError(str(e)) from e
        dead = described.get("dead_keys")
        table.stated_dead_keys = tuple(map(str, dead)) if isinstance(dead, list) else ()
        labels = described.get("labels")
        table.stated_labels = labels if isinstance(labels, dict) else None
        return table


@lru_cache(maxsize=2)
def _dead_keys(semantics: Semantics) -> tuple[str, ...]:
    forms = (functional_form(cell, semantics) for cell in CellSpace())
    return tuple(sorted({form.key for form in forms if form.is_dead}))


def _label_column(rows: pa.Table, label: str) -> NDArray[np.float64]:
    """A label of all rows at once; equal to `label_of` of each row."""
    check_label(label)
    ok = np.array(rows["status"].to_pylist()) == "ok"
    if label == "test_per":
        values = rows["test_per"].to_numpy(zero_copy_only=False)
        return np.where(ok, values, np.nan)
    found = np.full(rows.num_rows, np.nan)
    curves = rows["val_per_curve"].combine_chunks()
    flat, ends = curves.values.to_numpy(zero_copy_only=False), curves.offsets.to_numpy()
    lengths = np.where(ok, np.diff(ends), -1)
    # All curves of one length at once: there is one length in most tables.
    for length in np.unique(lengths[ok]):
        of_length = np.flatnonzero(lengths == length)
        found[of_length] = labels_of_curves(
            flat[ends[of_length][:, np.newaxis] + np.arange(length)], label
        )
    return found
