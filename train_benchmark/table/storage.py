"""The files of a table: Parquet files, and a metadata.json with their checksums."""

import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow as pa

from graph_encoding.common.atomic_files import atomic_folder
from graph_encoding.common.errors import CorruptFileError, UserError
from graph_encoding.common.listed_files import listed_file
from graph_encoding.common.packaged import found_folder
from train_benchmark.record import SCHEMA_VERSION
from train_benchmark.record_files.folder_description import read_description_file
from train_benchmark.record_files.parquet_rows import write_parquet

RECORDS_FILE = "records.parquet"
METADATA_FILE = "metadata.json"


def resolve_table_folder(name_or_folder: str | Path) -> Path:
    """The folder of a table: a packaged one by name, or a folder itself (`./NAME`).

    Raises:
        UserError: if neither exists; lists the packaged ones.
    """
    folder = found_folder(name_or_folder, _shipped(), METADATA_FILE)
    if folder is not None:
        return folder
    raise UserError(
        f"there is no table {str(name_or_folder)!r}: give a folder with a {METADATA_FILE}, or one "
        f"of the shipped tables: {', '.join(shipped_tables()) or 'none'}"
    )


def shipped_tables() -> tuple[str, ...]:
    """Names of the packaged tables, sorted."""
    return tuple(sorted(path.parent.name for path in _shipped().glob(f"*/{METADATA_FILE}")))


def _shipped() -> Path:
    return Path(str(resources.files("train_benchmark"))) / "tables"


def write_table_folder(
    folder: Path,
    rows: pa.Table,
    metadata: dict[str, Any],
    further: Mapping[str, Callable[[Path], None]],
) -> None:
    """Write a table as a new folder, atomically.

    Args:
        folder: the new folder.
        rows: the trainings, with a schema of `training_rows`.
        metadata: content of metadata.json, besides schema version and checksums.
        further: names of other files, and the function that writes each.

    Raises:
        UserError: if the folder exists or cannot be written.
    """
    if folder.exists():
        raise UserError(f"table folder {folder} exists; choose another or remove it")
    try:
        with atomic_folder(folder) as scratch:
            write_parquet(rows, scratch / RECORDS_FILE)
            for name, write in further.items():
                write(scratch / name)
            sha256 = {name: sha256_of(scratch / name) for name in (RECORDS_FILE, *further)}
            described = {"schema_version": SCHEMA_VERSION, "sha256": sha256, **metadata}
            text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
            (scratch / METADATA_FILE).write_text(text, encoding="utf-8")
    except OSError as e:
        raise UserError(f"cannot write table folder {folder}: {e}; choose another") from e


def read_metadata(folder: Path, required: Sequence[str]) -> dict[str, Any]:
    """Read a table's metadata.json.

    Raises:
        UserError: if it cannot be read, is that of an artifact, has another schema version or
            lacks a key.
    """
    return read_description_file(
        folder / METADATA_FILE,
        "a table",
        "schema_version",
        SCHEMA_VERSION,
        required,
        not_with={"trained_on": "is an artifact; name the table that it was fitted on"},
    )


def check_files(folder: Path, metadata: dict[str, Any]) -> tuple[str, ...]:
    """Check the files that the metadata lists against their checksums.

    Returns:
        Their names.

    Raises:
        CorruptFileError: if one is missing or its checksum differs.
        UserError: if the records are not listed.
    """
    listed = metadata.get("sha256")
    if not isinstance(listed, dict) or RECORDS_FILE not in listed:
        raise UserError(
            f"{folder / METADATA_FILE} must list the sha256 of {RECORDS_FILE}, but has {listed!r}; "
            "copy or build the table again"
        )
    for name, expected in listed.items():
        if Path(name).name != name:
            raise UserError(f"table {folder} lists {name!r}, which is not a file of its own folder")
        found = sha256_of(listed_file(folder, name, "copy or build the table again"))
        if found != expected:
            raise CorruptFileError(
                f"table file {folder / name} is corrupt: its sha256 must be {expected}, "
                f"but is {found}; copy or build the table again"
            )
    return tuple(listed)


def sha256_of(path: Path) -> str:
    """Checksum of a file in hex.

    Raises:
        UserError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        raise UserError(f"cannot read {path}: {e}") from e


def check_order(rows: pa.Table) -> None:
    """Check that rows are sorted by identity, without duplicates.

    Raises:
        UserError: if they are not.
    """
    identities = zip(rows["functional_key"].to_pylist(), rows["seed"].to_pylist(), strict=True)
    for before, after in itertools.pairwise(identities):
        if before == after:
            raise two_that_differ(after)
        if before > after:
            raise UserError(
                f"rows of a table must be sorted by (functional key, seed), but {after} follows "
                f"{before}; build the table again"
            )


def two_that_differ(identity: tuple[str, int]) -> UserError:
    """The error of two rows of one training."""
    return UserError(
        "a table must have one row per (functional key, seed), but "
        f"{identity} has two that differ; keep the correct one"
    )
