"""Readers over what fuzzing has found: each is refused with a message, and soon."""

import json
import pickle
import struct
import time
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graph_encoding import UserError
from graph_encoding.common.array_files import read_arrays, write_tree
from graph_encoding.common.errors import MissingExtraError, unreadable
from graph_encoding.common.strict_json import strict_json
from graph_encoding.common.toml_config import load_config
from graph_encoding.macro import Macro
from surrogate.data.tuning_keys import searched_keys
from surrogate.fitting.artifact import Artifact, load_artifact
from surrogate.predictors import load_predictor
from tests.fuzz.test_saved_data import signer
from tests.unit.train_benchmark.latency.helpers import failed, made_up
from train_benchmark.collecting.plan import Campaign
from train_benchmark.nb_asr.files import read_released
from train_benchmark.recipe import CorpusConfig
from train_benchmark.record import TrainingRecord
from train_benchmark.record_files.latency_record import (
    LatencyRecord,
    read_latencies,
    write_latencies,
)
from train_benchmark.table.benchmark_table import BenchmarkTable


@pytest.mark.parametrize(
    "text",
    ["a = " + "9" * 5000, "a = " + "[" * 3000 + "]" * 3000, "a = " + "{a=" * 3000 + "}" * 3000],
    ids=["digits", "arrays", "tables"],
)
def test_endless_toml_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "corpus.toml"
    path.write_text(text)
    with pytest.raises(UserError, match="must be TOML"):
        load_config(path, CorpusConfig)


@pytest.mark.parametrize("key", ["train", "corpus"])
def test_a_nul_character_in_a_config_is_refused(tmp_path: Path, key: str) -> None:
    values = {"train": "t.toml", "corpus": "c.toml"} | {key: "a\\u0000b"}
    lines = [f'{name} = "{value}"' for name, value in values.items()]
    lines += ["seeds = [1]", "[cells]", 'kind = "list"', 'cells = ["10_100_1000"]']
    (tmp_path / "campaign.toml").write_text("\n".join(lines))
    with pytest.raises(UserError, match="must have no NUL character"):
        Campaign.load(tmp_path / "campaign.toml")


def test_endless_json_is_refused() -> None:
    nested = "[" * 100_000 + "]" * 100_000
    with pytest.raises(ValueError, match="without end"):
        strict_json(nested)
    for kind in (TrainingRecord, LatencyRecord):
        with pytest.raises(UserError, match="one line of JSON"):
            kind.from_json(nested)
        with pytest.raises(UserError, match="one line of JSON"):
            kind.from_json("9" * 5000)


def test_a_summary_with_nan_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tune.json").write_text('{"searched": [NaN], "searched_sha256": ""}')
    with pytest.raises(UserError, match="must be the"):
        searched_keys(tmp_path / "tune.json")


@pytest.mark.parametrize("opcode", [b"r" + struct.pack("<I", 2**30), b"p1073741824\n"])
def test_a_pickle_cannot_ask_for_gigabytes(tmp_path: Path, opcode: bytes) -> None:
    path = tmp_path / "nb-asr-info.pickle"
    path.write_bytes(b"\x80\x02}" + opcode + b"." + pickle.dumps([]))
    started = time.process_time()
    with pytest.raises(UserError, match="bytes must have fewer objects, but numbers"):
        read_released(path)
    assert time.process_time() - started < 1


def test_a_damaged_archive_is_left_closed(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 no archive")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with pytest.raises(UserError, match="BadZipFile"), unreadable("it must be whole", "copy"):
            read_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize(
    "error", [KeyError("a"), ZeroDivisionError(), MemoryError(), OSError(5, "")]
)
def test_whatever_a_reader_raises_is_one_error_with_rule_and_remedy(error: Exception) -> None:
    with (
        pytest.raises(UserError, match=r"^a must be b, but .*; do c$") as caught,
        unreadable("a must be b", "do c"),
    ):
        raise error
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [UserError("mine"), MissingExtraError("a", "b")])
def test_own_errors_are_not_wrapped(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, unreadable("a must be b", "do c"):
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    "change",
    [
        {"measured.npz": "PK"},
        {"val_per/calibration.npz": "{}"},
        {"val_per/predictor.json": "null"},
        {"val_per/vocabulary.json": "[1]"},
        {"val_per/arrays.npz": "PK\x03\x04"},
        {"neighbourhood.npz": ""},
    ],
    ids=str,
)
def test_an_artifact_of_other_contents_is_refused(
    artifact: Artifact, tmp_path: Path, change: dict[str, str]
) -> None:
    artifact.save(tmp_path / "a")
    for name, content in change.items():
        (tmp_path / "a" / name).write_text(content)
    signer("metadata.json", "metadata_sha256")(tmp_path / "a")
    with pytest.raises(UserError, match=r"must hold (an artifact|a predictor) saved by this"):
        load_artifact(tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "tree"),
    [
        ("measured.npz", {"keys": []}),
        ("val_per/calibration.npz", {}),
        ("val_per/calibration.npz", {"inside": {"floor": 1, "errors": [[1], 2]}}),
        ("neighbourhood.npz", {"points": 1}),
    ],
    ids=str,
)
def test_an_artifact_with_trees_of_another_form_is_refused(
    artifact: Artifact, tmp_path: Path, name: str, tree: dict[str, Any]
) -> None:
    artifact.save(tmp_path / "a")
    write_tree(tmp_path / "a" / name, tree)
    signer("metadata.json", "metadata_sha256")(tmp_path / "a")
    with pytest.raises(UserError, match=r"must hold an artifact saved by this"):
        load_artifact(tmp_path / "a")


def test_a_predictor_of_other_contents_is_refused(artifact: Artifact, tmp_path: Path) -> None:
    artifact.models[0].predictor.save(tmp_path / "p")
    header = json.loads((tmp_path / "p" / "predictor.json").read_text())
    (tmp_path / "p" / "predictor.json").write_text(json.dumps({**header, "documents": None}))
    with pytest.raises(UserError, match=r"must hold a predictor .* TypeError: .*; fit it again"):
        load_predictor(tmp_path / "p")


@pytest.mark.parametrize("name", ["functional_key", "seed", "val_per_curve"])
def test_rows_without_a_value_are_refused(saved_table: Path, tmp_path: Path, name: str) -> None:
    rows = pq.read_table(saved_table / "records.parquet")
    values = [None, *rows[name].to_pylist()[1:]]
    place = rows.schema.get_field_index(name)
    gap = rows.set_column(place, rows.schema.field(name), pa.array(values, rows[name].type))
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "metadata.json").write_bytes((saved_table / "metadata.json").read_bytes())
    pq.write_table(gap, tmp_path / "t" / "records.parquet")
    signer("metadata.json")(tmp_path / "t")
    with pytest.raises(UserError, match=f"must have a value in each row of '{name}', but 1 have"):
        BenchmarkTable.load(tmp_path / "t")


def test_latencies_without_a_status_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "latency.parquet"
    write_latencies([made_up(1), failed(2)], path)
    rows = pq.read_table(path)
    place = rows.schema.get_field_index("status")
    pq.write_table(rows.set_column(place, "status", pa.array([None, "ok"])), path)
    with pytest.raises(UserError, match="must have a value in each row of 'status'"):
        read_latencies(path)


@pytest.mark.parametrize("plain", [None, [], "paper", {}, {"name": "a"}])
def test_what_is_no_macro_network_is_refused(plain: object) -> None:
    with pytest.raises(UserError, match="a macro network must have its own keys, but got"):
        Macro.from_plain(plain)  # type: ignore[arg-type]
