"""Fuzzing of what this program writes itself: tables, artifacts, curve models, records, sweeps.

Bytes that were changed by accident are found by their checksums. Here checksums are also made
anew, so that what lies behind them is read too: a file may come from another version or tool.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

from graph_encoding.common.hashing import content_hash
from surrogate.cli.options import observed_rates
from surrogate.curves import load_curve_model
from surrogate.curves.observed import Observed
from surrogate.data.targets import VAL_PER
from surrogate.data.tuning_keys import searched_keys
from surrogate.fitting.artifact import load_artifact
from surrogate.fitting.fit_artifact import fit_artifact
from surrogate.predictors import RidgePredictor
from surrogate.testing.synthetic_curves import synthetic_curve_table
from tests.fuzz.helpers import (
    changed_bytes,
    changed_values,
    fuzz,
    plain_values,
    read_or_refuse,
)
from tests.unit.train_benchmark.latency.helpers import failed, made_up
from train_benchmark.collecting.ledger import read_status
from train_benchmark.collecting.record_writer import RecordStore
from train_benchmark.latency.description import read_description
from train_benchmark.latency.record_writer import LatencyStore
from train_benchmark.record_files.folder_kinds import read_latency_store, read_store
from train_benchmark.table.benchmark_table import BenchmarkTable
from train_benchmark.table.verify import verify_table

Change = tuple[str, Any]
"""Name of a file, and the bytes or the values of JSON that take its place."""


@pytest.fixture(scope="session")
def curve_table() -> BenchmarkTable:
    return synthetic_curve_table(60)


@pytest.fixture(scope="session")
def small_artifact(curve_table: BenchmarkTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact of one target with curves, all of it plain arrays and JSON."""
    folder = tmp_path_factory.mktemp("fuzz") / "artifact"
    fit_artifact(
        curve_table,
        (VAL_PER,),
        RidgePredictor,
        name="made-up",
        seed_policy="mean",
        folds=3,
        seed=0,
        effective_config={},
        make_curve_predictor=RidgePredictor,
    ).save(folder)
    return folder


@pytest.fixture(scope="session")
def table_with_latency(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz") / "table"
    synthetic_curve_table(20).save(folder, [made_up(1), made_up(2), failed(3)])
    return folder


def changed_file(folder: Path) -> st.SearchStrategy[Change]:
    """One file of a folder, with bytes or values that were changed."""

    def of_file(path: Path) -> st.SearchStrategy[Change]:
        content = path.read_bytes()
        changed: st.SearchStrategy[Any] = changed_bytes(content)
        if path.suffix == ".json":
            values = changed_values(json.loads(content))
            changed |= values.map(lambda value: json.dumps(value).encode())
        return changed.map(lambda new: (path.relative_to(folder).as_posix(), new))

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return st.sampled_from(files).flatmap(of_file)


def check_folder(
    valid: Path, place: Path, load: Callable[[Path], object], sign: Callable[[Path], None]
) -> Callable[[tuple[Change, bool]], None]:
    """What puts a changed file into a copy of a folder, signed anew or not, and reads it."""
    shutil.copytree(valid, place)

    def check(example: tuple[Change, bool]) -> None:
        (name, content), signed = example
        try:
            (place / name).write_bytes(content)
            if signed:
                sign(place)
            read_or_refuse(lambda: load(place), place)
        finally:
            for path in valid.rglob("*"):
                if path.is_file():
                    (place / path.relative_to(valid)).write_bytes(path.read_bytes())

    return check


def signer(header_name: str, own_hash: str | None = None) -> Callable[[Path], None]:
    """What writes the checksums of a folder's files anew, where its header can be read."""

    def sign(folder: Path) -> None:
        path = folder / header_name
        try:
            header = json.loads(path.read_text())
            header["sha256"] = {
                name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
                for name in header["sha256"]
            }
            if own_hash:
                header.pop(own_hash, None)
                header[own_hash] = content_hash(header)
        except (ValueError, TypeError, KeyError, AttributeError, OSError):
            return
        path.write_text(json.dumps(header))

    return sign


def test_artifacts(small_artifact: Path, tmp_path: Path) -> None:
    sign = signer("metadata.json", "metadata_sha256")
    check = check_folder(small_artifact, tmp_path / "artifact", load_artifact, sign)
    fuzz("artifacts", st.tuples(changed_file(small_artifact), st.booleans()), check)


def test_curve_models(small_artifact: Path, tmp_path: Path) -> None:
    valid = small_artifact / "curve"
    check = check_folder(valid, tmp_path / "curve", load_curve_model, signer("curves.json"))
    fuzz("curve models", st.tuples(changed_file(valid), st.booleans()), check)


def use_table(folder: Path) -> None:
    """Read all of a table, as its commands do."""
    table = BenchmarkTable.load(folder)
    assert len(table.records) == len(table)
    table.label_matrix("val_per", table.seeds)
    for setting in table.latency.settings:
        for device in table.latency.devices(setting):
            table.latency.seconds(setting, device)
    assert len(table.latency.records()) >= 0
    verify_table(table, recipe_hash=None, wanted=())


def test_tables(table_with_latency: Path, tmp_path: Path) -> None:
    check = check_folder(table_with_latency, tmp_path / "table", use_table, signer("metadata.json"))
    fuzz("tables", st.tuples(changed_file(table_with_latency), st.booleans()), check)


@st.composite
def changed_rows(draw: st.DrawFn, valid: pa.Table) -> pa.Table:
    """Rows of which a value, or a column's type or name, is another; in another order, or twice."""
    rows = valid.to_pylist()
    schema = valid.schema
    for _ in range(draw(st.integers(1, 2))):
        at, name = draw(st.integers(0, len(rows) - 1)), draw(st.sampled_from(schema.names))
        kind = draw(st.sampled_from(("value", "value", "value", "copy", "swap", "type", "name")))
        if kind == "value":
            rows[at] = {**rows[at], name: draw(plain_values)}
        elif kind == "copy":
            rows.insert(at, {**rows[draw(st.integers(0, len(rows) - 1))]})
        elif kind == "swap":
            rows[0], rows[at] = rows[at], rows[0]
        elif kind == "type":
            place = schema.get_field_index(name)
            other = draw(st.sampled_from((pa.string(), pa.float32(), pa.int32(), pa.binary())))
            schema = schema.set(place, pa.field(name, other)) if place >= 0 else schema
        else:
            place = schema.get_field_index(name)
            schema = schema.set(place, pa.field("other", schema.field(place).type))
    try:
        return pa.Table.from_pylist(rows, schema=schema)
    except (pa.ArrowException, OverflowError, UnicodeError, TypeError, ValueError):
        # The value is none of the column's type: only the order may have changed.
        return valid.slice(draw(st.integers(0, valid.num_rows)))


@pytest.mark.parametrize("name", ["records.parquet", "latency.parquet"])
def test_rows_of_tables(table_with_latency: Path, tmp_path: Path, name: str) -> None:
    place = tmp_path / "table"
    shutil.copytree(table_with_latency, place)
    valid = pq.read_table(table_with_latency / name)
    sign = signer("metadata.json")

    def check(rows: pa.Table) -> None:
        pq.write_table(rows, place / name)
        sign(place)
        read_or_refuse(lambda: use_table(place), place)

    fuzz(f"rows of {name}", changed_rows(valid), check)


def test_campaign_folders(curve_table: BenchmarkTable, tmp_path: Path) -> None:
    valid, place = tmp_path / "valid", tmp_path / "campaign"
    with RecordStore(valid) as store:
        for record in curve_table.records[:3]:
            store.append(record)
    (valid / "lock").unlink()
    lines = [record.to_json() for record in curve_table.records[3:6]]
    (valid / "journal.jsonl").write_text("".join(f"{line}\n" for line in lines))

    def read(folder: Path) -> None:
        read_status(folder, read_store(folder))

    check = check_folder(valid, place, read, lambda _: None)
    whole_lines = changed_values([json.loads(line) for line in lines]).map(
        lambda rows: (
            "journal.jsonl",
            "".join(
                f"{json.dumps(row)}\n" for row in (rows if isinstance(rows, list) else [rows])
            ).encode(),
        )
    )
    changes = changed_file(valid) | whole_lines
    fuzz("campaign folders", st.tuples(changes, st.just(False)), check)


def test_latency_folders(tmp_path: Path) -> None:
    valid, place = tmp_path / "valid", tmp_path / "sweep"
    with LatencyStore(valid) as store:
        for record in (made_up(1), failed(2)):
            store.append(record)
    (valid / "lock").unlink()
    description = {"latency_schema_version": 1, "baselines_s": {"a": 0.1}, "measured_with": {}}
    (valid / "latency.json").write_text(json.dumps(description))
    (valid / "journal.jsonl").write_text(made_up(3).to_json() + "\n")

    def read(folder: Path) -> None:
        read_description(folder)
        read_latency_store(folder)

    check = check_folder(valid, place, read, lambda _: None)
    line = changed_values(json.loads(made_up(3).to_json())).map(
        lambda row: ("journal.jsonl", f"{json.dumps(row)}\n".encode())
    )
    fuzz("latency folders", st.tuples(changed_file(valid) | line, st.just(False)), check)


def test_observed_curves() -> None:
    def check(value: Any) -> None:
        read_or_refuse(lambda: Observed.read(value, 5))
        read_or_refuse(lambda: observed_rates(str(value)))

    texts = st.sampled_from(("0.99,0.95,8:0.7", "1:0.9")).flatmap(
        lambda text: changed_bytes(text.encode()).map(lambda b: b.decode("latin-1"))
    )
    known = st.dictionaries(st.integers(-1, 7), st.floats(-1, 2)) | st.lists(st.floats(0, 2))
    arrays = known.map(lambda v: np.array(list(v)))
    fuzz("observed curves", plain_values | known | arrays | texts, check)


def test_summaries_of_searches(tmp_path: Path) -> None:
    path = tmp_path / "tune.json"
    keys = ["1=conv5(x);y=1", "y=x"]
    valid = {"searched": keys, "searched_sha256": content_hash(keys)}

    def check(content: bytes) -> None:
        path.write_bytes(content)
        read_or_refuse(lambda: searched_keys(path), tmp_path)

    def text(value: object) -> bytes:
        return json.dumps(value).encode()

    changes = changed_values(valid).map(text) | changed_bytes(text(valid))
    fuzz("summaries of searches", changes, check)
