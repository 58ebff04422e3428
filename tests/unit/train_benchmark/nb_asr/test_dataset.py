"""The original's reader object, on files and tables written here."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from graph_encoding import Cell, CellSpace, Semantics, UserError, functional_key, published_hash
from graph_encoding.published.graph_hash import published_classes
from surrogate.testing.synthetic import synthetic_table
from tests.unit.train_benchmark.table.test_query import TABLE
from train_benchmark.nb_asr.convert import (
    ReleasedFolder,
    export_released,
    exported_functions,
    read_released_folder,
    release_of_table,
)
from train_benchmark.nb_asr.dataset import Dataset, from_folder, from_table
from train_benchmark.nb_asr.files import (
    ReleasedFile,
    ReleasedLatency,
    ReleasedTraining,
    read_released,
    write_released,
)
from train_benchmark.table.benchmark_table import BenchmarkTable
from train_benchmark.table.query import query_latency
from train_benchmark.table.verify import verify_table

CLASS = next(
    c
    for c in published_classes()
    if functional_key(c.representative, Semantics.PAPER) in TABLE.keys
)
CELL = CLASS.representative
ARCH = CELL.arch_vec
TUPLES = [tuple(node) for node in ARCH]
ROWS = {row.seed: row for row in TABLE.rows_of(functional_key(CELL, Semantics.PAPER))}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release as the project writes it, with latencies of a device."""
    release = tmp_path_factory.mktemp("written") / "release"
    export_released(TABLE, release)
    header = {"dataset_type": "benchmarking", "version": 2, "columns": ["model_hash", "latency"]}
    file = ReleasedFile({**header, "device": "phone"}, (ReleasedLatency(CLASS.hash, 0.25),))
    write_released(release / "nb-asr-bench-phone.pickle", file)
    return release


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """That release, for the test to change."""
    return Path(shutil.copytree(written, tmp_path / "release"))


@pytest.fixture
def data(folder: Path) -> Dataset:
    return from_folder(folder, max_epochs=6, include_static_info=True, validate_data=False)


@pytest.mark.slow
def test_functions_that_cannot_be_exported_are_counted(tmp_path: Path) -> None:
    table = BenchmarkTable.load("timit-micro")
    counts = exported_functions(table)
    standard = CellSpace().representatives(Semantics.PAPER)
    assert counts.extended == len(set(table.keys) - set(standard)) > 0
    assert counts.not_representative > 0
    assert sum(counts) == len(table.keys)
    export_released(table, tmp_path / "release")
    release = read_released_folder(tmp_path / "release", epochs=20, seeds=[1234])
    keys = {
        functional_key(row.cell, Semantics.PAPER)
        for seed in table.seeds
        for row in read_released(tmp_path / "release" / f"nb-asr-e20-{seed}.pickle").rows
        if isinstance(row, ReleasedTraining)
    }
    assert len(keys) == counts.written
    settings = [s.replace("/", "-") for s in table.latency.settings]
    # Around the small network torch was timed on extended cells only.
    settings.remove("timit-micro-cpu-torch-fp32-t1-b1-1s")
    assert list(release.latencies) == settings
    data = from_table("timit-micro")
    assert data.devices == settings
    expected = query_latency(table, CELL, "timit-micro/cpu-onnx-fp32-t1-b1-1s")
    assert data.latency(ARCH, "timit-micro-cpu-onnx-fp32-t1-b1-1s") == [[expected]]


def test_rows_that_failed_are_not_counted_as_written() -> None:
    table = synthetic_table(6, seeds=(1,), failed=3)
    assert sum(exported_functions(table)) == len(table.keys) == 3


def test_a_table_without_the_originals_classes_cannot_be_exported(tmp_path: Path) -> None:
    key = functional_key(Cell.parse("conv9:0"), Semantics.PAPER)
    record = replace(TABLE.measured[0], cell="conv9:0", functional_key=key)
    table = BenchmarkTable(TABLE.metadata, [record])
    with pytest.raises(UserError, match="must have a training of one of the original"):
        release_of_table(table)
    with pytest.raises(UserError, match="must have a training of one of the original"):
        export_released(table, tmp_path / "release")
    assert not list(tmp_path.iterdir())


def test_epochs_that_are_not_there_are_an_error_that_names_those_that_are(folder: Path) -> None:
    with pytest.raises(UserError, match="has trainings of 6 epochs; ask"):
        read_released_folder(folder)


def test_metadata_of_a_dataset(data: Dataset) -> None:
    assert data.seeds == [1, 2]
    assert data.devices == ["phone"]
    assert (data.version, data.epochs, data.nodes) == (2, 6, 3)
    assert data.search_space == [[6, 2], [6, 2, 2], [6, 2, 2, 2]]
    assert data.ops == ["linear", "conv5", "conv5d2", "conv7", "conv7d2", "zero"]
    assert data.columns == ["model_hash", "val_per", "test_per", "arch_vec"]
    assert ARCH in data
    assert [[5, 0], [5, 0, 0], [5, 0, 0, 0]] not in data


def test_error_rates_come_back_in_single_precision(data: Dataset) -> None:
    for seed, row in ROWS.items():
        assert data.test_acc(ARCH, seed=seed) == pytest.approx(row.test_per, rel=1e-7)
        best = min(row.val_per_curve[:3])
        assert data.val_acc(ARCH, epoch=3, seed=seed) == pytest.approx(best, rel=1e-7)
        last = row.val_per_curve[2]
        assert data.val_acc(ARCH, epoch=3, best=False, seed=seed) == pytest.approx(last, rel=1e-7)


def test_latency_params_and_flops(data: Dataset) -> None:
    assert data.latency(ARCH) == [[0.25]]
    assert data.latency(ARCH, devices="phone", return_dict=True) == {"phone": {"latency": 0.25}}
    assert data.params(ARCH) == ROWS[1].params
    flops = data.flops(ARCH)
    assert flops is not None and flops > ROWS[1].params


def test_full_info_as_a_dict_and_as_a_list(data: Dataset) -> None:
    info = data.full_info(ARCH, seed=2)
    assert isinstance(info, dict)
    assert info["model_hash"] == published_hash(CELL)
    assert info["arch_vec"] == TUPLES
    assert info["seed"] == 2
    assert info["phone"] == {"latency": 0.25}
    assert info["info"]["params"] == ROWS[2].params
    values = data.full_info(
        ARCH, seed=2, devices=False, include_static_info=False, return_dict=False
    )
    assert values == [info["model_hash"], info["val_per"], info["test_per"], TUPLES, 2]
    assert data.full_info_by_graph(CLASS.hash, seed=2) == info


def test_all_members_of_a_class_are_one(data: Dataset) -> None:
    answers = {data.test_acc(cell, seed=1) for cell in CLASS.members}
    assert len(answers) == 1


def test_unknown_classes_give_none(data: Dataset) -> None:
    dead = Cell.parse("50_500_5000")
    assert data.test_acc(dead, seed=1) is None
    assert data.full_info(dead, seed=1) is None
    assert data.latency(dead) is None


def test_a_missing_seed_is_an_error_that_lists_the_seeds(data: Dataset, folder: Path) -> None:
    for ask in (data.test_acc, data.val_acc, data.full_info):
        with pytest.raises(UserError, match=r"seed must be one of \[1, 2\], but is None"):
            ask(ARCH)
    with pytest.raises(UserError, match="but is 1234"):
        data.test_acc(ARCH, seed=1234)
    with pytest.raises(UserError, match=r"one of \[1, 2\], but is '1'"):
        data.test_acc(ARCH, seed="1")  # type: ignore[arg-type]
    one = from_folder(folder, max_epochs=6, seeds=2)
    assert one.test_acc(ARCH) == data.test_acc(ARCH, seed=2)


def test_a_seed_may_be_of_numpy(folder: Path) -> None:
    assert from_folder(folder, max_epochs=6, seeds=np.int64(2)).seeds == [2]


@pytest.mark.parametrize("other", ["²", "1-old", "007", "9" * 190, "copy"])
def test_files_of_other_names_are_ignored(folder: Path, other: str) -> None:
    (folder / f"nb-asr-e6-{other}.pickle").write_bytes((folder / "nb-asr-e6-1.pickle").read_bytes())
    assert from_folder(folder, max_epochs=6, validate_data=False).seeds == [1, 2]


def test_missing_files_are_named(folder: Path, data: Dataset) -> None:
    with pytest.raises(UserError, match="e40"):
        from_folder(folder)
    with pytest.raises(UserError, match=r"seeds \[7\]"):
        from_folder(folder, max_epochs=6, seeds=[1, 7])
    with pytest.raises(UserError, match="of \\['watch'\\]"):
        from_folder(folder, max_epochs=6, devices="watch")
    with pytest.raises(UserError, match="must be a folder"):
        from_folder(folder / "none")
    with pytest.raises(UserError, match="include_static_info=True"):
        from_folder(folder, max_epochs=6, validate_data=False).params(ARCH)
    with pytest.raises(UserError, match=r"1 \.\. 6"):
        data.val_acc(ARCH, epoch=9, seed=1)


def test_files_of_other_cells_do_not_fit_together(folder: Path) -> None:
    path = folder / "nb-asr-e6-2.pickle"
    file = read_released(path)
    write_released(path, ReleasedFile(file.header, file.rows[1:]))
    with pytest.raises(UserError, match="must have the same cells"):
        from_folder(folder, max_epochs=6)


def test_export_overwrites_nothing(folder: Path) -> None:
    with pytest.raises(UserError, match="exists"):
        export_released(TABLE, folder)


def change_header(path: Path, **changes: object) -> None:
    """Write a file again with other fields in its header; `...` leaves one out."""
    file = read_released(path)
    header = {k: v for k, v in {**file.header, **changes}.items() if v is not ...}
    write_released(path, ReleasedFile(header, file.rows))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("nb-asr-e6-1.pickle", "nb-asr-e6-3.pickle"),
        ("nb-asr-e6-1.pickle", "nb-asr-e40-1.pickle"),
        ("nb-asr-bench-phone.pickle", "nb-asr-bench-watch.pickle"),
        ("nb-asr-info.pickle", "nb-asr-bench-phone.pickle"),
        ("nb-asr-info.pickle", "nb-asr-e6-2.pickle"),
        ("nb-asr-e6-1.pickle", "nb-asr-info.pickle"),
    ],
)
def test_file_names_must_match_headers(folder: Path, source: str, name: str) -> None:
    shutil.copy(folder / source, folder / name)
    epochs = 40 if "e40" in name else 6
    with pytest.raises(UserError, match=f"{name} must have the name in its header, {source}"):
        read_released_folder(folder, epochs=epochs)


def test_files_of_other_settings_do_not_fit_together(folder: Path) -> None:
    path = folder / "nb-asr-e6-2.pickle"
    change_header(path, version=1, semantics=...)
    with pytest.raises(UserError, match=r"seed 1 and 2 .* differ in version, semantics; read"):
        read_released_folder(folder, epochs=6)
    assert list(read_released_folder(folder, epochs=6, seeds=[2]).trainings) == [2]


def test_files_of_a_table_are_not_taken_for_the_originals(folder: Path) -> None:
    """They would get the original's reading, network and licence."""
    release = read_released_folder(folder, epochs=6)
    for ask in (release.table, release.repeats):
        with pytest.raises(UserError, match=r"from a table of semantics 'paper'; load"):
            ask()


def test_of_equal_epochs_the_original_kept_the_last() -> None:
    row = ReleasedTraining(CLASS.hash, (0.5, 0.25, 0.25, 0.75), 0.3, CELL)
    header = {"dataset_type": "training", "version": 2, "epochs": 4, "seed": 1}
    release = ReleasedFolder({1: ReleasedFile(header, (row,))}, {}, None)
    table = release.table()
    assert table.records[0].best_epoch == 3
    # Its parameters count 49 outputs less than the network has, and it tells no training loss.
    checks = verify_table(table, recipe_hash=None, wanted=())
    assert {check.name for check in checks if not check.ok} == set()


def test_the_originals_files_as_a_table_and_back(folder: Path, tmp_path: Path) -> None:
    for path in folder.glob("nb-asr-e6-*"):
        change_header(path, semantics=...)
    release = read_released_folder(folder, epochs=6)
    table = release.table()
    assert table.metadata.semantics == "released"
    repeats = release.repeats()
    assert set(repeats) == {record.identity for record in table.records}
    assert sum(map(len, repeats.values())) == sum(len(f.rows) for f in release.trainings.values())
    # Under the original's reading several classes are one function: rows of a table are fewer.
    assert len(table) <= sum(map(len, repeats.values()))
    for record in table.records:
        assert record == repeats[record.identity][0]
    table.save(tmp_path / "t")
    assert type(table).load(tmp_path / "t").records == table.records
    export_released(table, tmp_path / "again")
    again = read_released_folder(tmp_path / "again", epochs=6)
    for seed, file in release.trainings.items():
        written = {row.model_hash: row for row in again.trainings[seed].rows}
        for row in file.rows:
            first = repeats[functional_key(row.cell, Semantics.RELEASED), seed][0]
            assert written[row.model_hash].val_per == first.val_per_curve


def test_a_table_of_this_project_behind_the_same_api(tmp_path: Path) -> None:
    TABLE.save(tmp_path / "t")
    data = from_table(tmp_path / "t")
    # Not through files: nothing is rounded.
    assert data.test_acc(ARCH, seed=1) == ROWS[1].test_per
    assert data.params(ARCH) == ROWS[1].params
    assert synthetic_table(3).metadata.semantics == "paper"
