"""The benchmark table: every measured training of one recipe, one row per (key, seed)."""

import hashlib
import itertools
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from graph_encoding.errors import UserError
from train_benchmark.record import SCHEMA_VERSION, TrainingRecord

LAST_EPOCHS = 5
"""Epochs that the validation label averages: with it a seed's noise is least (docs/recipe.md)."""

LABELS = ("val_per", "val_per_best", "val_per_last", "test_per")

_RECORDS_FILE = "records.parquet"
_METADATA_FILE = "metadata.json"

RECORD_SCHEMA = pa.schema(
    [
        ("functional_key", pa.string()),
        ("cell", pa.string()),
        ("semantics", pa.string()),
        ("seed", pa.int64()),
        ("recipe_hash", pa.string()),
        ("corpus_fingerprint", pa.string()),
        ("status", pa.string()),
        ("error", pa.string()),
        ("val_per_curve", pa.list_(pa.float64())),
        ("train_loss_curve", pa.list_(pa.float64())),
        ("best_epoch", pa.int64()),
        ("test_per", pa.float64()),
        ("params", pa.int64()),
        ("train_seconds", pa.float64()),
        ("software", pa.string()),
    ]
)


@dataclass(frozen=True)
class TableMetadata:
    """What all rows of a table have in common.

    Attributes:
        name: the table's name.
        recipe: the whole recipe that its hash was taken of.
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


class BenchmarkTable:
    """Measured trainings of one recipe on one corpus, sorted by (functional key, seed).

    Rows are kept as columns; a `TrainingRecord` is made of a row when it is asked for.

    Args:
        metadata: what all rows share.
        records: the rows, in any order; equal ones count once.

    Attributes:
        metadata: what all rows share.

    Raises:
        UserError: if rows mix recipes, corpora or semantics, or two rows of one (key, seed)
            differ.
    """

    def __init__(self, metadata: TableMetadata, records: Sequence[TrainingRecord]) -> None:
        unique: dict[tuple[str, int], TrainingRecord] = {}
        for record in records:
            other = unique.setdefault(record.identity, record)
            if other is not record and other.to_json() != record.to_json():
                raise _two_that_differ(record.identity)
        ordered = [unique[identity] for identity in sorted(unique)]
        self._set(metadata, _rows_of_records(ordered))

    def _set(self, metadata: TableMetadata, rows: pa.Table) -> None:
        self.metadata = metadata
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
        """Rows whose training ended well; the others have no error rates."""
        return tuple(record for record in self.records if record.status == "ok")

    @property
    def rows_without_label(self) -> int:
        """Rows whose training did not end well."""
        return len(self) - sum(len(rows) for rows in self._rows_of_key.values())

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """Distinct seeds, rising."""
        return tuple(sorted(self._rows["seed"].unique().to_pylist()))

    def rows_of(self, functional_key: str) -> tuple[TrainingRecord, ...]:
        """Measured rows of a function, one a seed; empty if it was never measured."""
        found = self._rows.take(pa.array(self._rows_of_key.get(functional_key, []), pa.int64()))
        return tuple(TrainingRecord.from_row(row) for row in found.to_pylist())

    @cached_property
    def _rows_of_key(self) -> dict[str, list[int]]:
        """Places of the measured rows of each key."""
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
        """Text of a cell that was trained for a measured function."""
        return str(self._rows["cell"][self._rows_of_key[functional_key][0]].as_py())

    def labels_of(self, functional_key: str, label: str) -> dict[int, float]:
        """One label of a function by seed; empty if it was never measured.

        Raises:
            UserError: for a label that is none of `LABELS`.
        """
        values = self._labels(label)
        rows = self._rows_of_key.get(functional_key, [])
        return {self._seed_of_row[row]: float(values[row]) for row in rows}

    def _labels(self, label: str) -> NDArray[np.float64]:
        """(n,) one label of all rows, NaN for those without."""
        if label not in self._label_columns:
            self._label_columns[label] = _label_column(self._rows, label)
        return self._label_columns[label]

    @cached_property
    def _label_columns(self) -> dict[str, NDArray[np.float64]]:
        return {}

    def label_matrix(
        self, label: str, seeds: Sequence[int]
    ) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """One label of all functions that were measured with every one of some seeds.

        Args:
            label: one of `LABELS`.
            seeds: seeds wanted, s of them.

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

    def save(self, folder: Path) -> None:
        """Write the table as a new folder, whole or not at all.

        Raises:
            UserError: if the folder exists or cannot be written.
        """
        if folder.exists():
            raise UserError(f"table folder {folder} exists; choose another or remove it")
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        except OSError as e:
            raise UserError(f"cannot write table folder {folder}: {e}") from e
        temporary.chmod(0o755)
        _write_rows(self._rows, temporary / _RECORDS_FILE)
        metadata = {
            "schema_version": SCHEMA_VERSION,
            "sha256": {_RECORDS_FILE: _sha256(temporary / _RECORDS_FILE)},
            **asdict(self.metadata),
        }
        text = json.dumps(metadata, indent=2, ensure_ascii=False) + "\n"
        (temporary / _METADATA_FILE).write_text(text)
        os.replace(temporary, folder)

    @classmethod
    def load(cls, name_or_folder: str | Path) -> "BenchmarkTable":
        """Read a table: a shipped one by name, or any by its folder.

        Raises:
            UserError: if there is none, its schema is another version, or a file is corrupt.
        """
        folder = resolve_table_folder(name_or_folder)
        metadata_path = folder / _METADATA_FILE
        try:
            metadata = json.loads(metadata_path.read_text())
        except (OSError, json.JSONDecodeError) as e:
            raise UserError(f"cannot read table metadata {metadata_path}: {e}") from e
        version = metadata.pop("schema_version", None)
        if version != SCHEMA_VERSION:
            raise UserError(
                f"table {folder} must have schema version {SCHEMA_VERSION}, but has {version!r}; "
                "read it with the nasasr version that wrote it, or build it again"
            )
        expected = metadata.pop("sha256", {}).get(_RECORDS_FILE)
        found = _sha256(folder / _RECORDS_FILE)
        if found != expected:
            raise UserError(
                f"table file {folder / _RECORDS_FILE} is corrupt: its sha256 must be {expected}, "
                f"but is {found}; copy or build the table again"
            )
        rows = _read_rows(folder / _RECORDS_FILE)
        _check_order(rows)
        table = cls.__new__(cls)
        table._set(TableMetadata(**metadata), rows)  # noqa: SLF001 -- a constructor of its own
        return table


def resolve_table_folder(name_or_folder: str | Path) -> Path:
    """The folder of a table: a shipped one by name, or a folder itself.

    Raises:
        UserError: if there is neither; lists the shipped ones.
    """
    folder = Path(name_or_folder)
    if (folder / _METADATA_FILE).is_file():
        return folder
    shipped = Path(str(resources.files("train_benchmark"))) / "tables"
    if (shipped / str(name_or_folder) / _METADATA_FILE).is_file():
        return shipped / str(name_or_folder)
    names = sorted(path.parent.name for path in shipped.glob(f"*/{_METADATA_FILE}"))
    raise UserError(
        f"there is no table {str(name_or_folder)!r}: give a folder with a {_METADATA_FILE}, or one "
        f"of the shipped tables: {', '.join(names) or 'none'}"
    )


def label_of(record: TrainingRecord, label: str) -> float:
    """One number that sums up a measured training; a phone error rate, lower is better.

    Args:
        record: a record of status "ok".
        label: `val_per` (mean of the last five epochs), `val_per_best`, `val_per_last`, or
            `test_per` (at the epoch of `val_per_best`).

    Raises:
        UserError: for another label.
    """
    if label == "test_per":
        return record.test_per
    if label == "val_per":
        return float(np.mean(record.val_per_curve[-LAST_EPOCHS:]))
    if label == "val_per_best":
        return min(record.val_per_curve)
    if label == "val_per_last":
        return record.val_per_curve[-1]
    raise UserError(f"a label must be one of {LABELS}, but got {label!r}")


def write_records(records: Sequence[TrainingRecord], path: Path) -> None:
    """Write records as one Parquet file, whole or not at all."""
    _write_rows(_rows_of_records(records), path)


def read_records(path: Path) -> tuple[TrainingRecord, ...]:
    """Read the records of one Parquet file.

    Raises:
        UserError: if it is not a Parquet file of this schema.
    """
    return tuple(TrainingRecord.from_row(row) for row in _read_rows(path).to_pylist())


def _rows_of_records(records: Sequence[TrainingRecord]) -> pa.Table:
    return pa.Table.from_pylist([asdict(record) for record in records], schema=RECORD_SCHEMA)


def _write_rows(rows: pa.Table, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.partial")
    with temporary.open("wb") as file:
        pq.write_table(rows, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _read_rows(path: Path) -> pa.Table:
    try:
        rows = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as e:
        raise UserError(f"cannot read records {path}: {e}") from e
    if not rows.schema.equals(RECORD_SCHEMA):
        raise UserError(
            f"records {path} must have schema version {SCHEMA_VERSION} with the columns "
            f"{RECORD_SCHEMA.names}, but have {rows.schema.names}"
        )
    return rows


def _check_order(rows: pa.Table) -> None:
    """Make sure that identities rise: then none is there twice."""
    identities = zip(rows["functional_key"].to_pylist(), rows["seed"].to_pylist(), strict=True)
    for before, after in itertools.pairwise(identities):
        if before == after:
            raise _two_that_differ(after)
        if before > after:
            raise UserError(
                f"rows of a table must be sorted by (functional key, seed), but {after} stands "
                f"behind {before}; build the table again"
            )


def _two_that_differ(identity: tuple[str, int]) -> UserError:
    return UserError(
        "a table must have one row for each (functional key, seed), but "
        f"{identity} has two that differ; keep the one that is right"
    )


def _label_column(rows: pa.Table, label: str) -> NDArray[np.float64]:
    """A label of all rows at once; the same numbers as `label_of` row by row."""
    if label not in LABELS:
        raise UserError(f"a label must be one of {LABELS}, but got {label!r}")
    ok = np.array(rows["status"].to_pylist()) == "ok"
    if label == "test_per":
        values = rows["test_per"].to_numpy(zero_copy_only=False)
        return np.where(ok, values, np.nan)
    found = np.full(rows.num_rows, np.nan)
    curves = rows["val_per_curve"].combine_chunks()
    flat, ends = curves.values.to_numpy(zero_copy_only=False), curves.offsets.to_numpy()
    for row in np.flatnonzero(ok):
        curve = flat[ends[row] : ends[row + 1]]
        if label == "val_per":
            found[row] = curve[-LAST_EPOCHS:].mean()
        else:
            found[row] = curve.min() if label == "val_per_best" else curve[-1]
    return found


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as e:
        raise UserError(f"cannot read {path}: {e}") from e
