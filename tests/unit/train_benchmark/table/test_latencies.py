"""Latencies that go with a table."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from graph_encoding import Cell, Semantics, UserError, functional_key, published_class
from surrogate.testing.synthetic import synthetic_table
from train_benchmark.nb_asr.convert import export_released
from train_benchmark.nb_asr.dataset import Dataset, from_folder
from train_benchmark.record_files.latency_record import LatencyRecord, write_latencies
from train_benchmark.record_files.training_rows import write_records
from train_benchmark.table.benchmark_table import BenchmarkTable
from train_benchmark.table.build import build_table
from train_benchmark.table.export import tidy_rows
from train_benchmark.table.latencies import LATENCY_FILE, gather_latencies
from train_benchmark.table.query import query_latency
from train_benchmark.table.verify import verify_table

TABLE = synthetic_table(6)
SETTING, OTHER = "timit-micro/cpu-onnx-fp32-t1-b1-1s", "timit-micro/cpu-onnx-fp32-t1-b8-1s"


def measurement(key: str, milliseconds: float, **changes: object) -> LatencyRecord:
    record = LatencyRecord(
        functional_key=key,
        cell=TABLE.cell_of(key),
        semantics="paper",
        setting=SETTING,
        status="ok",
        error="",
        latency_s=milliseconds / 1000,
        latency_error_s=1e-6,
        noisy=False,
        quantiles_s=tuple(milliseconds / 1000 * q for q in (1, 1, 1.1, 1.2, 1.3, 1.4, 2)),
        repetitions=100,
        attempts=1,
        drift_factor=1.0,
        reference_s=3e-4,
        peak_memory_bytes=None,
        model_bytes=1000,
        device="a processor",
        software="none=0",
    )
    return replace(record, **changes)  # type: ignore[arg-type]


RECORDS = [measurement(key, 0.2 + 0.01 * i) for i, key in enumerate(TABLE.keys)]
FAILED = replace(
    RECORDS[0], setting=OTHER, status="unsupported", error="no", latency_s=math.nan, quantiles_s=()
)


@pytest.fixture
def sweep(tmp_path: Path) -> Callable[..., Path]:
    """Writes records as a folder of `nasasr latency`."""

    def make(name: str, *records: LatencyRecord) -> Path:
        folder = tmp_path / name / "shards"
        folder.mkdir(parents=True)
        write_latencies(records, folder / "0.parquet")
        return folder.parent

    return make


@pytest.fixture
def saved(tmp_path: Path, sweep: Callable[..., Path]) -> BenchmarkTable:
    latencies = gather_latencies([sweep("a", *RECORDS, FAILED)], "paper")
    TABLE.save(tmp_path / "table", latencies)
    return BenchmarkTable.load(tmp_path / "table")


def test_latencies_come_back_by_setting_and_key(saved: BenchmarkTable) -> None:
    assert saved.latency.settings == (SETTING,)
    assert saved.latency.counts(SETTING) == len(RECORDS)
    assert saved.latency.seconds(SETTING) == {r.functional_key: r.latency_s for r in RECORDS}
    assert len(saved.latency.records()) == len(RECORDS) + 1


def test_a_table_saved_again_keeps_them(saved: BenchmarkTable, tmp_path: Path) -> None:
    saved.save(tmp_path / "again")
    again = BenchmarkTable.load(tmp_path / "again")
    assert again.latency.seconds(SETTING) == saved.latency.seconds(SETTING)


def test_a_table_without_latencies_has_no_setting() -> None:
    assert TABLE.latency.settings == ()
    assert TABLE.latency.records() == ()
    with pytest.raises(UserError, match=r"measured \(none\), but got 'x'"):
        TABLE.latency.seconds("x")


def test_equal_rows_count_once_and_others_are_refused(sweep: Callable[..., Path]) -> None:
    first, same = sweep("first", *RECORDS), sweep("same", *RECORDS[2:])
    assert len(gather_latencies([first, same], "paper")) == len(RECORDS)
    other = sweep("other", replace(RECORDS[0], latency_s=1.0))
    with pytest.raises(UserError, match=r"in another folder and in .*other; leave .*other out"):
        gather_latencies([first, other], "paper")
    with pytest.raises(UserError, match="measure them with the table's semantics"):
        gather_latencies([first], "released")


def test_known_latencies_are_not_replaced(sweep: Callable[..., Path]) -> None:
    known, more = RECORDS[:3], sweep("more", *RECORDS[2:])
    assert gather_latencies([more], "paper", known) == gather_latencies(
        [sweep("all", *RECORDS)], "paper"
    )
    with pytest.raises(UserError, match=r"in the table and in .*more; leave .*more out, or"):
        gather_latencies([more], "paper", [replace(RECORDS[2], latency_s=1.0)])


@pytest.mark.parametrize("order", [1, -1])
def test_later_measurements_replace_failed_ones(sweep: Callable[..., Path], order: int) -> None:
    failed = replace(RECORDS[0], status="failed", error="killed", latency_s=math.nan)
    rows = [failed, RECORDS[0]][::order]
    assert gather_latencies([sweep("later", rows[1])], "paper", rows[:1]) == (RECORDS[0],)
    assert gather_latencies([sweep("a", rows[0]), sweep("b", rows[1])], "paper") == (RECORDS[0],)


def test_a_cell_has_the_latency_of_its_function_or_an_error_with_the_reason(
    saved: BenchmarkTable,
) -> None:
    cell = Cell.parse(RECORDS[0].cell)
    assert query_latency(saved, cell, SETTING) == RECORDS[0].latency_s
    assert query_latency(saved, cell, SETTING, device="a processor") == RECORDS[0].latency_s
    with pytest.raises(UserError, match=r"\(not measured\); forecast it with `nasasr predict`"):
        query_latency(saved, Cell.parse("conv9:0"), SETTING)
    with pytest.raises(UserError, match=r"\(it is dead\), so it is neither measured nor predicted"):
        query_latency(saved, Cell.parse("50_500_5000"), SETTING)
    with pytest.raises(UserError, match=f"measured \\({SETTING}\\), but got"):
        query_latency(saved, cell, OTHER)


def test_a_failed_measurement_is_reported(tmp_path: Path) -> None:
    TABLE.save(tmp_path / "table", [*RECORDS[1:], replace(FAILED, setting=SETTING)])
    table = BenchmarkTable.load(tmp_path / "table")
    with pytest.raises(UserError, match=r"\(unsupported: no\)"):
        query_latency(table, Cell.parse(FAILED.cell), SETTING)


def test_a_failure_on_one_device_does_not_affect_another(tmp_path: Path) -> None:
    failed = replace(FAILED, setting=SETTING)
    phone = [replace(r, device="a phone") for r in RECORDS[1:]]
    TABLE.save(tmp_path / "table", [*RECORDS[1:], failed, *phone])
    table = BenchmarkTable.load(tmp_path / "table")
    for device, reason in (("a processor", "unsupported: no"), ("a phone", "not measured")):
        with pytest.raises(UserError, match=rf"\({reason}\)"):
            query_latency(table, Cell.parse(FAILED.cell), SETTING, device=device)
    with pytest.raises(UserError, match="name one of"):
        table.latency.failure_of(FAILED.functional_key, SETTING)


def test_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nasasr latency"):
        gather_latencies([tmp_path], "paper")


def test_of_several_devices_one_must_be_named(tmp_path: Path) -> None:
    phone = [replace(r, device="a phone", latency_s=r.latency_s * 2) for r in RECORDS]
    TABLE.save(tmp_path / "table", [*RECORDS, *phone])
    latency = BenchmarkTable.load(tmp_path / "table").latency
    assert latency.devices(SETTING) == ("a phone", "a processor")
    with pytest.raises(UserError, match="name one of 'a phone', 'a processor'"):
        latency.seconds(SETTING)
    key = TABLE.keys[0]
    assert latency.seconds(SETTING, "a phone")[key] == 2 * RECORDS[0].latency_s
    with pytest.raises(UserError, match="not on 'a toaster'"):
        latency.seconds(SETTING, "a toaster")


def test_a_damaged_file_is_found_when_the_table_is_loaded(
    saved: BenchmarkTable, tmp_path: Path
) -> None:
    file = tmp_path / "table" / LATENCY_FILE
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"latency\.parquet is corrupt"):
        BenchmarkTable.load(tmp_path / "table")
    assert LATENCY_FILE in json.loads((tmp_path / "table/metadata.json").read_text())["sha256"]
    assert saved.latency.path == file


def test_export_and_verify_know_them(tmp_path: Path) -> None:
    recipe = {**TABLE.metadata.recipe, "train": {"epochs": 6}}
    table = BenchmarkTable(replace(TABLE.metadata, recipe=recipe), TABLE.records)
    table.save(tmp_path / "whole", RECORDS)
    table = BenchmarkTable.load(tmp_path / "whole")
    rows = list(tidy_rows(table))
    assert {row[f"latency_s_{SETTING}"] for row in rows} == {r.latency_s for r in RECORDS}
    assert all(row["receptive_field_s"] > 0 and row["peak_activation_bytes"] > 0 for row in rows)

    def check(latencies: list[LatencyRecord], name: str) -> bool:
        table.save(tmp_path / name, latencies)
        loaded = BenchmarkTable.load(tmp_path / name)
        checks = verify_table(loaded, recipe_hash=None, wanted=())
        return {check.name: check.ok for check in checks}["latencies"]

    assert check(RECORDS, "right")
    assert not check([replace(RECORDS[0], functional_key=TABLE.keys[1])], "wrong")
    assert not check([RECORDS[0], RECORDS[0]], "twice")
    dead = Cell.parse("50_500_5000")
    key = functional_key(dead, Semantics.PAPER)
    assert not check([replace(RECORDS[0], cell=dead.text, functional_key=key)], "dead")
    assert not check([replace(RECORDS[0], cell="nonsense")], "unreadable")


@pytest.fixture
def published_record() -> LatencyRecord:
    """A measurement of a function that the original's files have."""
    cell = published_class(Cell.parse("10_100_1000")).representative
    key = functional_key(cell, Semantics.PAPER)
    return replace(RECORDS[0], functional_key=key, cell=cell.text)


def released(folder: Path, *records: LatencyRecord) -> Dataset:
    """The original's form of a table with these latencies."""
    recipe = {**TABLE.metadata.recipe, "train": {"epochs": 6}}
    table = BenchmarkTable(replace(TABLE.metadata, recipe=recipe), TABLE.records)
    table.save(folder / "table", records)
    export_released(BenchmarkTable.load(folder / "table"), folder / "released")
    return from_folder(folder / "released", max_epochs=6, validate_data=False)


def test_the_originals_files_have_them_too(tmp_path: Path, published_record: LatencyRecord) -> None:
    data = released(tmp_path, published_record)
    (device,) = data.devices
    assert device == "timit-micro-cpu-onnx-fp32-t1-b1-1s"
    cell = Cell.parse(published_record.cell)
    assert data.latency(cell.arch_vec, devices=device) == [
        pytest.approx([published_record.latency_s])
    ]


def test_devices_whose_names_become_alike_keep_their_latencies(
    tmp_path: Path, published_record: LatencyRecord
) -> None:
    seconds = {"电脑一": 0.001, "电脑二": 0.009, "a phone": 0.1}
    records = [replace(published_record, device=d, latency_s=s) for d, s in seconds.items()]
    data = released(tmp_path, *records)
    found = data.latency(Cell.parse(published_record.cell).arch_vec)
    assert found is not None
    assert sorted(one for (one,) in found) == sorted(seconds.values())
    setting = "timit-micro-cpu-onnx-fp32-t1-b1-1s-"
    assert data.devices == [setting, f"{setting}-2", f"{setting}a-phone"]


def test_two_failures_are_no_contradiction(sweep: Callable[..., Path]) -> None:
    one, other = (
        replace(FAILED, status="failed", error=error) for error in ("killed", "out of memory")
    )
    found = gather_latencies([sweep("a", one), sweep("b", other)], "paper")
    assert [record.error for record in found] == ["killed"]


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    """A campaign of the network of the shipped tables."""
    recipe = {
        **TABLE.metadata.recipe,
        "train": {"semantics": "paper"},
        "corpus": {"licence": "none"},
        "macro": BenchmarkTable.load("timit-micro").metadata.recipe["macro"],
    }
    folder = tmp_path / "campaign"
    (folder / "shards").mkdir(parents=True)
    described = {
        "schema_version": 1,
        "recipe": recipe,
        "recipe_hash": TABLE.metadata.recipe_hash,
        "corpus_fingerprint": TABLE.metadata.corpus_fingerprint,
    }
    (folder / "campaign.json").write_text(json.dumps(described))
    write_records(TABLE.records, folder / "shards" / "0.parquet")
    return folder


def test_a_table_of_the_same_network_shares_latencies(campaign: Path, tmp_path: Path) -> None:
    owner = BenchmarkTable.load("timit-micro")
    table = build_table(campaign, tmp_path / "table", latency_of="timit-micro")
    assert not (tmp_path / "table" / LATENCY_FILE).exists()
    table.save(tmp_path / "again")
    again = BenchmarkTable.load(tmp_path / "again")
    assert again.latency.settings == owner.latency.settings
    assert again.latency.seconds(SETTING) == owner.latency.seconds(SETTING)
    # Measurements that are attached make the latencies the table's own.
    again.save(tmp_path / "own", again.latency.records()[:3])
    assert len(BenchmarkTable.load(tmp_path / "own").latency.records()) == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("timit-micr", r"a shipped table \(.*timit-micro\), but got 'timit-micr'"),
        ("synth-micro", "'synth-micro' has no latencies of its own to share"),
    ],
)
def test_only_a_shipped_table_with_latencies_shares_them(
    campaign: Path, tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        build_table(campaign, tmp_path / "table", latency_of=name)
    assert not (tmp_path / "table").exists()


def test_latencies_of_another_network_are_not_shared(campaign: Path, tmp_path: Path) -> None:
    file = campaign / "campaign.json"
    described = json.loads(file.read_text())
    described["recipe"]["macro"] |= {"filters": [32, 36, 40, 48]}
    file.write_text(json.dumps(described))
    with pytest.raises(UserError, match="the same 'macro' network and semantics"):
        build_table(campaign, tmp_path / "table", latency_of="timit-micro")


def test_latencies_are_included_or_shared(
    campaign: Path, tmp_path: Path, sweep: Callable[..., Path]
) -> None:
    with pytest.raises(UserError, match="leave one of them out"):
        build_table(campaign, tmp_path / "table", [sweep("a", *RECORDS)], "timit-micro")
