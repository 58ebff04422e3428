"""Export of a table: one row per training, with static costs."""

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from graph_encoding.cell import Cell
from graph_encoding.common.atomic_files import atomic_file
from graph_encoding.common.errors import UserError
from graph_encoding.cost import macs, peak_activation_bytes, receptive_field
from graph_encoding.macro import Macro
from graph_encoding.published.graph_hash import is_published, published_hash
from graph_encoding.semantics import Semantics
from train_benchmark.record import TrainingRecord
from train_benchmark.table.benchmark_table import LABELS, BenchmarkTable, label_of

Columns = Mapping[str, Mapping[str, float]]
"""Further columns: name -> functional key -> number."""

_NONE: Columns = MappingProxyType({})


def tidy_rows(table: BenchmarkTable, columns: Columns = _NONE) -> Iterator[dict[str, Any]]:
    """One flat row per training, including failed ones.

    Columns: identity (`functional_key`, `cell`, `published_hash` if the original has the cell,
    `in_space`: whether the original's space has it, `semantics`, `seed`, `seeds`: trainings of the
    function that succeeded), `status` and `error`, every label, `columns`, `params`, `macs` per
    second of speech, `receptive_field_s`, `peak_activation_bytes`, `train_seconds`, `best_epoch`,
    `latency_s_<setting>` of each setting that was measured on one device only, and
    `val_per_epoch_1` ... for all epochs of the recipe.
    Error rates are fractions, lower is better; null if a training has none.
    """
    macro = Macro.from_plain(table.metadata.recipe["macro"])
    epochs = table.metadata.recipe["train"]["epochs"]
    latency = table.latency
    measured = {s: latency.seconds(s) for s in latency.settings if len(latency.devices(s)) == 1}
    seeds = Counter(record.functional_key for record in table.records if record.status == "ok")
    for record in table.records:
        key = record.functional_key
        further = {name: of.get(key) for name, of in columns.items()}
        yield _tidy_row(record, macro, epochs, measured, seeds[key], further)


def _tidy_row(
    record: TrainingRecord,
    macro: Macro,
    epochs: int,
    latency: Mapping[str, Mapping[str, float]],
    seeds: int,
    further: Mapping[str, float | None],
) -> dict[str, Any]:
    cell = Cell.parse(record.cell)
    ok = record.status == "ok"
    frames = round(1 / macro.frame_shift_s)
    semantics = Semantics(record.semantics)
    curve = [*record.val_per_curve, *([None] * (epochs - len(record.val_per_curve)))]
    return {
        "functional_key": record.functional_key,
        "cell": record.cell,
        "published_hash": published_hash(cell) if is_published(cell) else None,
        "in_space": is_published(cell),
        "semantics": record.semantics,
        "seed": record.seed,
        "seeds": seeds,
        "status": record.status,
        "error": record.error,
        **{label: label_of(record, label) if ok else None for label in LABELS},
        **further,
        "params": record.params,
        "macs": macs(cell, macro, semantics, input_frames=frames),
        "receptive_field_s": receptive_field(cell, macro, semantics).seconds,
        "peak_activation_bytes": peak_activation_bytes(cell, macro, semantics, input_frames=frames),
        "train_seconds": record.train_seconds,
        "best_epoch": record.best_epoch,
        **{f"latency_s_{name}": of.get(record.functional_key) for name, of in latency.items()},
        **{f"val_per_epoch_{i}": per for i, per in enumerate(curve, start=1)},
    }


def export_csv(table: BenchmarkTable, path: Path, columns: Columns = _NONE) -> None:
    """Write `tidy_rows` as CSV, atomically."""
    rows = list(tidy_rows(table, columns))

    def write(file: IO[bytes]) -> None:
        with open(file.fileno(), "w", encoding="utf-8", newline="", closefd=False) as text:
            writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [])
            writer.writeheader()
            writer.writerows(rows)

    _write_whole(path, write)


def export_parquet(table: BenchmarkTable, path: Path, columns: Columns = _NONE) -> None:
    """Write `tidy_rows` as Parquet, atomically."""
    rows = pa.Table.from_pylist(list(tidy_rows(table, columns)))
    _write_whole(path, lambda file: pq.write_table(rows, file, compression="zstd"))


def check_new(path: Path) -> None:
    """Make sure that a file can be made.

    Raises:
        UserError: if it exists.
    """
    if path.exists():
        raise UserError(f"file {path} exists; choose another --out or remove it")


def _write_whole(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    check_new(path)
    try:
        with atomic_file(path) as scratch, scratch.open("wb") as file:
            write(file)
    except OSError as e:
        raise UserError(f"cannot write {path}: {e}; choose another --out") from e
