"""Conversion between the original's files and tables.

The original trained one cell per class and seed, of 8,242 classes. Under `Semantics.RELEASED` many
classes are one function, so there are several trainings per (functional key, seed). A
`BenchmarkTable` contains the one of the first class in the space; `ReleasedFolder.repeats` has all,
as a measure of training noise.
"""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from graph_encoding.cell import Cell
from graph_encoding.common.atomic_files import atomic_folder
from graph_encoding.common.errors import UserError
from graph_encoding.common.hashing import content_hash
from graph_encoding.cost import macs, params
from graph_encoding.functional_identity import functional_key
from graph_encoding.macro import PAPER_MACRO, Macro
from graph_encoding.ops import NB_ASR_OPS
from graph_encoding.published.cost import released_flops, released_params
from graph_encoding.published.graph_hash import published_classes
from graph_encoding.semantics import Semantics
from graph_encoding.space import CellSpace
from train_benchmark.nb_asr.files import (
    COLUMNS,
    ReleasedFile,
    ReleasedLatency,
    ReleasedStatic,
    ReleasedTraining,
    read_released,
    write_released,
)
from train_benchmark.record import TrainingRecord
from train_benchmark.table.benchmark_table import ORIGINAL_RECIPE, BenchmarkTable, TableMetadata

FILE_VERSION = 2
"""First version of the format whose static files have FLOPs."""

_FLOPS_FRAMES = 100  # the original profiled one second of speech

_LICENCE = "released by the authors of NAS-Bench-ASR; TIMIT (c) 1993 Linguistic Data Consortium"

_SEED = re.compile("0|[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class ReleasedFolder:
    """All files of a release with one number of epochs.

    Attributes:
        trainings: file of each seed.
        latencies: file of each device.
        static: params and FLOPs, if the folder has them.
    """

    trainings: Mapping[int, ReleasedFile]
    latencies: Mapping[str, ReleasedFile]
    static: ReleasedFile | None

    def table(self, name: str = "nb-asr") -> BenchmarkTable:
        """One row per function and seed, under `Semantics.RELEASED`.

        Raises:
            UserError: if the files were exported from a table.
        """
        first: dict[tuple[str, int], TrainingRecord] = {}
        for record in self._records():
            first.setdefault(record.identity, record)
        recipe, recipe_hash = self._recipe()
        metadata = TableMetadata(
            name=name,
            recipe=recipe,
            recipe_hash=recipe_hash,
            corpus_fingerprint="timit",
            semantics=Semantics.RELEASED.value,
            licence=_LICENCE,
            created="2021-01-01",
        )
        return BenchmarkTable(metadata, list(first.values()))

    def repeats(self) -> dict[tuple[str, int], tuple[TrainingRecord, ...]]:
        """All trainings of each (functional key, seed), in the order of the space.

        Raises:
            UserError: if the files were exported from a table.
        """
        found: dict[tuple[str, int], list[TrainingRecord]] = {}
        for record in self._records():
            found.setdefault(record.identity, []).append(record)
        return {identity: tuple(records) for identity, records in found.items()}

    def _recipe(self) -> tuple[dict[str, Any], str]:
        header = next(iter(self.trainings.values())).header
        # Only `release_of_table` writes it. Such files have another recipe, and the rows of a
        # function's classes are copies of one training.
        if "semantics" in header:
            raise UserError(
                "a table must be converted from the original's files, but these were exported from "
                f"a table of semantics {header['semantics']!r}; load it with BenchmarkTable.load"
            )
        recipe = {
            "name": ORIGINAL_RECIPE,
            "train": {"semantics": Semantics.RELEASED.value, "epochs": header["epochs"]},
            "macro": json.loads(json.dumps(asdict(PAPER_MACRO))),
        }
        return recipe, content_hash(recipe)

    def _records(self) -> list[TrainingRecord]:
        space, (_, recipe_hash) = CellSpace(), self._recipe()
        rows = [
            (space.index(row.cell), seed, row)
            for seed, file in self.trainings.items()
            for row in file.rows
            if isinstance(row, ReleasedTraining)
        ]
        rows.sort(key=lambda entry: entry[:2])
        version = next(iter(self.trainings.values())).header["version"]
        return [_record(row, seed, recipe_hash, version) for _, seed, row in rows]


def _record(row: ReleasedTraining, seed: int, recipe_hash: str, version: object) -> TrainingRecord:
    """A released training; fields that the release lacks are empty or 0."""
    return TrainingRecord(
        functional_key=functional_key(row.cell, Semantics.RELEASED),
        cell=row.cell.text,
        semantics=Semantics.RELEASED.value,
        seed=seed,
        recipe_hash=recipe_hash,
        corpus_fingerprint="timit",
        status="ok",
        error="",
        val_per_curve=row.val_per,
        train_loss_curve=(),
        # The original keeps the weights of the last of equal epochs.
        best_epoch=len(row.val_per) - row.val_per[::-1].index(min(row.val_per)),
        test_per=row.test_per,
        params=released_params(row.cell),
        train_seconds=0.0,
        software=f"nb-asr={version}",
    )


def read_released_folder(
    folder: Path,
    *,
    epochs: int = 40,
    seeds: Sequence[int] | None = None,
    devices: Sequence[str] | None = None,
) -> ReleasedFolder:
    """Read the files of a release without running their code.

    Args:
        folder: folder of `nb-asr-e{epochs}-{seed}.pickle`, `nb-asr-bench-{device}.pickle` and
            `nb-asr-info.pickle`.
        epochs: length of the trainings: 40, 10 or 5 in the original.
        seeds: seeds to read; all if None.
        devices: devices to read; all if None.

    Raises:
        UserError: if a file is missing, damaged or contains code, or its header does not fit its
            name or the other files.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} must be a folder of released files, but is not a folder")
    prefix = f"nb-asr-e{epochs}-"
    found_seeds = _found(folder, prefix)
    if not found_seeds:
        names = (path.name for path in folder.glob("nb-asr-e*-*.pickle"))
        lengths = sorted({name.split("-")[2][1:] for name in names})
        raise UserError(
            f"folder {folder} must have {prefix}{{seed}}.pickle, but has trainings of "
            f"{' and '.join(lengths) or 'no number of'} epochs; ask for those"
        )
    # Not `str.isdigit`, which accepts "²" and numbers of any length.
    numbers = sorted(int(s) for s in found_seeds if _SEED.fullmatch(s))
    wanted = numbers if seeds is None else list(seeds)
    missing = [seed for seed in wanted if str(seed) not in found_seeds]
    if missing or not wanted:
        raise UserError(
            f"folder {folder} must have {prefix}{{seed}}.pickle for the seeds "
            f"{missing or 'wanted'}, but has the seeds {found_seeds}"
        )
    found_devices = _found(folder, "nb-asr-bench-")
    chosen = found_devices if devices is None else list(devices)
    absent = [device for device in chosen if device not in found_devices]
    if absent:
        raise UserError(f"folder {folder} has no latencies of {absent}, but of {found_devices}")
    static = folder / "nb-asr-info.pickle"
    release = ReleasedFolder(
        {seed: _read_named(folder / f"{prefix}{seed}.pickle") for seed in wanted},
        {device: _read_named(folder / f"nb-asr-bench-{device}.pickle") for device in chosen},
        _read_named(static) if static.exists() else None,
    )
    check_alike(release.trainings, "seed")
    check_alike(release.latencies, "device")
    return release


def _read_named(path: Path) -> ReleasedFile:
    """Read a file, and check its name against its header."""
    file = read_released(path)
    expected = _file_name(file)
    if path.name != expected:
        raise UserError(
            f"released file {path} must have the name in its header, {expected}; rename it, or "
            "replace it by the right file"
        )
    return file


def _file_name(file: ReleasedFile) -> str:
    """Name of a released file, from its header."""
    header = file.header
    if file.dataset_type == "training":
        return f"nb-asr-e{header['epochs']}-{header['seed']}.pickle"
    if file.dataset_type == "benchmarking":
        return f"nb-asr-bench-{header['device']}.pickle"
    return "nb-asr-info.pickle"


def check_alike(files: Mapping[Any, ReleasedFile], varied: str) -> None:
    """Check that the headers of one type of file differ in one field only.

    Raises:
        UserError: if they differ in others.
    """
    headers = {name: {**file.header, varied: None} for name, file in files.items()}
    for name, header in headers.items():
        first, expected = next(iter(headers.items()))
        if header != expected:
            fields = [f for f in {**expected, **header} if expected.get(f) != header.get(f)]
            raise UserError(
                f"the headers of the released files of {varied} {first} and {name} must differ in "
                f"the {varied} only, but differ in {', '.join(fields)}; read them one by one"
            )


def _found(folder: Path, prefix: str) -> list[str]:
    names = (path.name for path in folder.glob(f"{prefix}*.pickle"))
    return sorted(name.removeprefix(prefix).removesuffix(".pickle") for name in names)


def release_of_table(table: BenchmarkTable) -> ReleasedFolder:
    """Convert a table to the original's form: per class, the function of its representative.

    The function of a representative depends on the table's semantics, which the headers contain.
    Classes that were not measured with a seed are missing from its file; empty files are left out.

    Raises:
        UserError: if the table has no training of a representative's function.
    """
    semantics = Semantics(table.metadata.semantics)
    macro = Macro.from_plain(table.metadata.recipe["macro"])
    epochs = table.metadata.recipe["train"]["epochs"]
    trainings: dict[int, list[ReleasedTraining]] = {seed: [] for seed in table.seeds}
    statics = []
    for published in published_classes():
        cell = published.representative
        for record in table.rows_of(functional_key(cell, semantics)):
            trainings[record.seed].append(
                ReleasedTraining(published.hash, record.val_per_curve, record.test_per, cell)
            )
        statics.append(ReleasedStatic(published.hash, *_cost(cell, macro, semantics)))
    if not any(trainings.values()):
        raise UserError(
            f"a table must have a training of one of the original's 8,242 classes, but "
            f"{table.metadata.name!r} has none; use the table itself"
        )
    return ReleasedFolder(
        {
            seed: ReleasedFile(
                _header("training", semantics, epochs=epochs, seed=seed), tuple(rows)
            )
            for seed, rows in trainings.items()
            if rows
        },
        _latencies(table, semantics),
        ReleasedFile(_header("static", semantics), tuple(statics)),
    )


def _latencies(table: BenchmarkTable, semantics: Semantics) -> dict[str, ReleasedFile]:
    """One file per setting, whose name, as a valid file name, replaces the device's.

    Names that are equal as file names are numbered.
    """
    latency = table.latency
    files: dict[str, ReleasedFile] = {}
    for setting in latency.settings:
        devices = latency.devices(setting)
        for device in devices:
            name = setting if len(devices) == 1 else f"{setting}-{device}"
            name = re.sub(r"[^A-Za-z0-9.]+", "-", name)
            numbered = (f"{name}-{number}" for number in itertools.count(2))
            name = next(n for n in itertools.chain([name], numbered) if n not in files)
            seconds = latency.seconds(setting, device)
            rows = tuple(
                ReleasedLatency(published.hash, seconds[key])
                for published in published_classes()
                if (key := functional_key(published.representative, semantics)) in seconds
            )
            if rows:
                header = _header("benchmarking", semantics, device=name)
                files[name] = ReleasedFile(header, rows)
    return files


def _cost(cell: Cell, macro: Macro, semantics: Semantics) -> tuple[int, int]:
    """Params and FLOPs: published for the published network, otherwise as built."""
    if semantics is Semantics.RELEASED and macro == PAPER_MACRO:
        return released_params(cell), released_flops(cell)
    multiplied = macs(cell, macro, semantics, input_frames=_FLOPS_FRAMES)
    return params(cell, macro, semantics), 2 * multiplied


def _header(kind: str, semantics: Semantics, **more: int | str) -> dict[str, Any]:
    shape = [[len(NB_ASR_OPS), *([2] * node)] for node in (1, 2, 3)]
    return {
        "dataset_type": kind,
        "version": FILE_VERSION,
        "search_space": {"shape": shape, "ops": list(NB_ASR_OPS), "nodes": 3},
        "columns": list(COLUMNS[kind]),
        "semantics": semantics.value,
        **more,
    }


class ExportedFunctions(NamedTuple):
    """Numbers of measured functions of a table, by whether the original's form has them.

    Attributes:
        written: functions of representatives.
        not_representative: functions of other members of classes, which have no row.
        extended: functions outside the standard space, which have no class.
    """

    written: int
    not_representative: int
    extended: int


def exported_functions(table: BenchmarkTable) -> ExportedFunctions:
    """Count the functions that `export_released` writes and leaves out."""
    semantics = Semantics(table.metadata.semantics)
    measured = set(table.keys)
    standard = measured & set(CellSpace().representatives(semantics, living=False))
    named = {functional_key(c.representative, semantics) for c in published_classes()}
    written = len(standard & named)
    return ExportedFunctions(written, len(standard) - written, len(measured) - len(standard))


def export_released(table: BenchmarkTable, folder: Path) -> None:
    """Write a table as files for the original's own tools, atomically.

    `exported_functions` counts what is left out.

    Raises:
        UserError: if the folder exists or cannot be written, or the table has nothing to write.
    """
    if folder.exists():
        raise UserError(f"folder {folder} exists; choose another --out or remove it")
    release = release_of_table(table)
    assert release.static is not None
    try:
        with atomic_folder(folder) as scratch:
            for file in (
                *release.trainings.values(),
                *release.latencies.values(),
                release.static,
            ):
                write_released(scratch / _file_name(file), file)
    except OSError as e:
        raise UserError(f"cannot write folder {folder}: {e}; choose another --out") from e
