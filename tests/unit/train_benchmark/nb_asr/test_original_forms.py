"""Every public call of the original's reader, on files in the original's own form.

What is expected is written down from the rows of the files, as `nasbench_asr/dataset.py` of
SamsungLabs/nb-asr v1.1.0 passes them on.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding import NB_ASR_OPS, Cell, CellSpace, UserError, published_hash
from graph_encoding.published.graph_hash import published_graph_hash
from surrogate.testing.synthetic import synthetic_table
from train_benchmark.nb_asr.convert import export_released
from train_benchmark.nb_asr.dataset import (
    BenchmarkingDataset,
    Dataset,
    StaticInfoDataset,
    from_folder,
)
from train_benchmark.nb_asr.files import ReleasedFile, ReleasedTraining
from train_benchmark.table.query import query

SPACE = {
    "shape": [[6, 2], [6, 2, 2], [6, 2, 2, 2]],
    "ops": ["linear", "conv5", "conv5d2", "conv7", "conv7d2", "zero"],
    "nodes": 3,
}
ARCHS: list[Any] = [
    [(1, 0), (1, 0, 0), (1, 0, 0, 0)],
    [(0, 1), (2, 1, 0), (4, 1, 1, 1)],
    [(3, 1), (5, 0, 1), (0, 0, 1, 0)],
]
NAMES = [published_hash(Cell.from_arch_vec(arch)) for arch in ARCHS]
SEEDS = (1234, 1235)
DEVICES = ("gtx-1080ti-fp32", "jetson-nano-fp32")
UNKNOWN = [(2, 0), (2, 0, 0), (2, 0, 0, 0)]


def rows_of(file: Path) -> dict[str, list[Any]]:
    """What the original's reader keeps of a file: rows by hash, without the hash."""
    with file.open("rb") as stream:
        pickle.load(stream)  # noqa: S301 -- written by this test
        return {name: rest for name, *rest in pickle.load(stream)}  # noqa: S301


def write(path: Path, kind: str, columns: list[str], rows: list[Any], **more: Any) -> None:
    header = {"dataset_type": kind, "search_space": SPACE, "columns": columns, **more}
    with path.open("wb") as stream:
        pickle.dump(header, stream, protocol=4)
        pickle.dump(rows, stream, protocol=4)


@pytest.fixture(params=[1, 2], ids=["version 1", "version 2"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    version, rng = request.param, np.random.default_rng(0)
    training = ["model_hash", "val_per", "test_per", "arch_vec"]
    for seed in SEEDS:
        rows = [
            [name, list(rng.uniform(0.2, 0.5, 5).astype(np.float32)), float(rng.uniform()), arch]
            for name, arch in zip(NAMES, ARCHS, strict=True)
        ]
        path = tmp_path / f"nb-asr-e5-{seed}.pickle"
        write(path, "training", training, rows, version=version, epochs=5, seed=seed)
    for device in DEVICES:
        timed = [[name, float(rng.uniform())] for name in NAMES]
        path = tmp_path / f"nb-asr-bench-{device}.pickle"
        columns = ["model_hash", "latency"]
        write(path, "benchmarking", columns, timed, version=version, device=device)
    columns = ["model_hash", "params", "flops"][: 1 + version]
    static = [[name, 26_338_848 + i, 10**10 + i][: 1 + version] for i, name in enumerate(NAMES)]
    write(tmp_path / "nb-asr-info.pickle", "static", columns, static, version=version)
    return tmp_path


@pytest.fixture
def data(folder: Path) -> Dataset:
    return from_folder(folder, max_epochs=5, include_static_info=True)


def same(found: Any, expected: Any) -> bool:
    """Equal in value and in form: lists, tuples and dicts are what they were."""
    if isinstance(expected, np.floating):
        return bool(isinstance(found, float) and found == expected)
    if type(found) is not type(expected):
        return False
    if isinstance(expected, dict):
        pairs = zip(found.items(), expected.items(), strict=True)
        return len(found) == len(expected) and all(
            a == b and same(x, y) for (a, x), (b, y) in pairs
        )
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(same, found, expected))
    return bool(found == expected)


def test_the_comparison_distinguishes_forms() -> None:
    assert same([(1, 0), 0.5], [(1, 0), np.float32(0.5)])
    assert not same([[1, 0]], [(1, 0)])
    assert not same({"params": 1, "flops": None}, {"params": 1})
    assert not same({"b": 1, "a": 1}, {"a": 1, "b": 1})


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("number", range(3))
def test_full_info_is_the_files_rows(folder: Path, data: Dataset, number: int, seed: int) -> None:
    name, arch = NAMES[number], [list(node) for node in ARCHS[number]]
    trained = rows_of(folder / f"nb-asr-e5-{seed}.pickle")[name]
    timed = [rows_of(folder / f"nb-asr-bench-{device}.pickle")[name] for device in DEVICES]
    static = rows_of(folder / "nb-asr-info.pickle")[name]
    row = [name, *trained, seed]
    named = dict(zip(["val_per", "test_per", "arch_vec"], trained, strict=True))
    named |= {"model_hash": name, "seed": seed}
    latency = {d: {"latency": s} for d, (s,) in zip(DEVICES, timed, strict=True)}
    info = {"info": dict(zip(["params", "flops"], static, strict=False))}

    def full(**options: Any) -> Any:
        return data.full_info(arch, seed=seed, **options)

    assert same(full(), {**named, **latency, **info})
    assert same(full(include_static_info=True), {**named, **latency, **info})
    assert same(full(devices=False, include_static_info=False), named)
    one = {DEVICES[1]: latency[DEVICES[1]]}
    assert same(full(devices=DEVICES[1], include_static_info=False), {**named, **one})
    assert same(full(devices=list(DEVICES)), {**named, **latency, **info})
    assert same(full(return_dict=False), [*row, *timed, static])
    assert same(full(devices=False, return_dict=False), [*row, static])
    plain = full(devices=[DEVICES[1]], include_static_info=False, return_dict=False)
    assert same(plain, [*row, timed[1]])
    assert same(data.full_info_by_graph(name, seed=seed), full())


@pytest.mark.parametrize("number", range(3))
def test_single_values_are_those_of_the_rows(folder: Path, data: Dataset, number: int) -> None:
    arch, name = ARCHS[number], NAMES[number]
    for seed in SEEDS:
        val_per, test_per, _ = rows_of(folder / f"nb-asr-e5-{seed}.pickle")[name]
        assert same(data.test_acc(arch, seed=seed), test_per)
        assert same(data.val_acc(arch, seed=seed), min(val_per))
        assert same(data.val_acc(arch, best=False, seed=seed), val_per[-1])
        assert same(data.val_acc(arch, epoch=3, seed=seed), min(val_per[:3]))
        assert same(data.val_acc(arch, 3, False, seed), val_per[2])
    timed = [rows_of(folder / f"nb-asr-bench-{device}.pickle")[name] for device in DEVICES]
    assert data.bench_info is not None and data.static_info is not None
    for latency in (data.latency, data.bench_info.latency):
        assert same(latency(arch), timed)
        assert same(latency(arch, devices=DEVICES[0]), timed[:1])
        expected = {d: {"latency": s} for d, (s,) in zip(DEVICES, timed, strict=True)}
        assert same(latency(arch, return_dict=True), expected)
        assert same(latency(arch, [DEVICES[1]], True), {DEVICES[1]: expected[DEVICES[1]]})
    static = rows_of(folder / "nb-asr-info.pickle")[name]
    assert same(data.params(arch), static[0])
    assert same(data.static_info.params(arch), static[0])
    for flops in (data.flops, data.static_info.flops):
        if data.version == 1:
            with pytest.raises(ValueError, match="version 1 have no FLOPs; version 2 has"):
                flops(arch)
        else:
            assert same(flops(arch), static[1])


def test_datasets_equal_their_files(folder: Path, data: Dataset) -> None:
    bench, static = data.bench_info, data.static_info
    assert bench is not None and static is not None
    assert (data.seeds, bench.devices, data.epochs) == (list(SEEDS), list(DEVICES), 5)
    trainings = [rows_of(folder / f"nb-asr-e5-{seed}.pickle") for seed in SEEDS]
    assert same(data.dbs, trainings)
    assert same(bench.dbs, [rows_of(folder / f"nb-asr-bench-{d}.pickle") for d in DEVICES])
    assert same(static.dbs, [rows_of(folder / "nb-asr-info.pickle")])
    for part, kind in ((data, "training"), (bench, "benchmarking"), (static, "static")):
        assert part.header["dataset_type"] == kind
        assert not {"seed", "device"} & part.header.keys()
        assert same(part.search_space, SPACE["shape"])
        assert same(part.ops, SPACE["ops"])
        assert (part.nodes, part.version) == (3, data.header["version"])
        assert part.columns == part.header["columns"]
        assert ARCHS[0] in part
        assert UNKNOWN not in part
    assert {tuple(row[2]) for row in data.dbs[0].values()} == set(map(tuple, ARCHS))


def test_callers_cannot_change_a_dataset(data: Dataset) -> None:
    first = data.full_info(ARCHS[0], seed=SEEDS[0], return_dict=False)
    assert isinstance(first, list)
    again = data.full_info(ARCHS[0], seed=SEEDS[0], return_dict=False)
    for value in first:
        if isinstance(value, list):
            value.clear()
    assert data.full_info(ARCHS[0], seed=SEEDS[0], return_dict=False) == again


def test_the_classes_read_files_by_themselves(folder: Path, data: Dataset) -> None:
    info, devices = folder / "nb-asr-info.pickle", [f"nb-asr-bench-{d}.pickle" for d in DEVICES]
    trainings = [str(folder / f"nb-asr-e5-{seed}.pickle") for seed in SEEDS]
    static = StaticInfoDataset(str(info))
    assert static.params(ARCHS[1]) == data.params(ARCHS[1])
    bench = BenchmarkingDataset([str(folder / name) for name in devices])
    assert bench.latency(ARCHS[1]) == data.latency(ARCHS[1])
    whole = Dataset(trainings, [str(folder / name) for name in devices], str(info))
    assert same(whole.full_info(ARCHS[2], seed=1235), data.full_info(ARCHS[2], seed=1235))
    alone = Dataset(trainings[0])
    assert (alone.bench_info, alone.static_info) == (None, None)
    assert alone.full_info(ARCHS[0]) == data.full_info(
        ARCHS[0], seed=1234, devices=False, include_static_info=False
    )
    with pytest.raises(ValueError, match="no latencies were read"):
        alone.full_info(ARCHS[0], devices=DEVICES[0])
    with pytest.raises(ValueError, match="no static information was read"):
        alone.full_info(ARCHS[0], include_static_info=True)
    with pytest.raises(UserError, match="of dataset_type 'training', but one is of 'static'"):
        Dataset(info)
    with pytest.raises(UserError, match=r"a seed of their own, but have \[1234, 1234\]"):
        Dataset([trainings[0], trainings[0]])
    with pytest.raises(UserError, match="must have one training file or more"):
        Dataset([])


def full_graph(cell: Cell) -> tuple[np.ndarray[Any, Any], list[str]]:
    """A cell's (matrix, labels) pair before minimising, by the original's rule."""
    matrix = np.zeros((cell.nodes + 2, cell.nodes + 2))
    for k in range(cell.nodes + 1):
        matrix[k, k + 1] = 1
    for k, flags in enumerate(cell.skips, start=1):
        for source, flag in enumerate(flags):
            if flag:
                matrix[source, k + 1] = 1
    return matrix, ["input", *cell.ops, "output"]


def test_a_graph_names_its_class(data: Dataset) -> None:
    cell = Cell.from_arch_vec(ARCHS[1])
    pair = full_graph(cell)
    expected = data.full_info(ARCHS[1], seed=SEEDS[0])
    for graph in (pair, (pair, None), (pair, pair), cell, NAMES[1]):
        assert same(data.full_info_by_graph(graph, seed=SEEDS[0]), expected)
    assert data.full_info_by_graph(full_graph(Cell.from_arch_vec(UNKNOWN)), seed=1234) is None


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (3, "but got int"),
        ([[1, 0]], "but got list"),
        ((np.zeros((2, 2)), ["input", "conv5", "output"]), r"shape \(2, 2\) and 3 labels"),
        ((np.full((2, 2), 2), ["input", "output"]), "matrix of 0 and 1"),
        ((np.zeros((2, 2)), ["output", "input"]), "labels must be input"),
        ((np.zeros((3, 3)), ["input", "conv9", "output"]), "labels must be input"),
        ((np.zeros((3, 3)), ["input", None, "output"]), "labels must be input"),
        (([["a"]], ["input"]), "matrix must be of numbers"),
    ],
)
def test_values_that_are_not_graphs_are_refused(data: Dataset, graph: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        data.full_info_by_graph(graph, seed=SEEDS[0])


CELLS = st.sampled_from(list(CellSpace()))


@given(CELLS.filter(lambda cell: "zero" not in cell.ops))
def test_without_zeros_the_whole_graph_has_the_published_hash(cell: Cell) -> None:
    assert published_graph_hash(*full_graph(cell)) == published_hash(cell)


@given(CELLS)
def test_minimised_networkx_graphs_have_the_published_hash(cell: Cell) -> None:
    networkx = pytest.importorskip("networkx", reason="needs the extra nasasr[gnn]")
    matrix, labels = full_graph(cell)
    graph = networkx.from_numpy_array(matrix, create_using=networkx.DiGraph)
    for node, label in enumerate(labels):
        graph.nodes[node]["label"] = label
    graph.remove_nodes_from([n for n, label in enumerate(labels) if label == "zero"])
    last = len(labels) - 1
    kept = (networkx.descendants(graph, 0) | {0}) & (networkx.ancestors(graph, last) | {last})
    minimised = graph.subgraph(kept)
    name = published_hash(cell)
    row = [name, [0.5], 0.25, [tuple(node) for node in cell.arch_vec]]
    file = {"columns": ["model_hash", "val_per", "test_per", "arch_vec"], "epochs": 1, "seed": 1}
    data = dataset_of({**file, "version": 2}, row)
    assert data.full_info_by_graph(minimised) == data.full_info(cell)
    relabelled = networkx.relabel_nodes(minimised, {n: n * 10 for n in kept})
    assert data.full_info_by_graph(relabelled) == data.full_info(cell)
    with pytest.raises(UserError, match="but got Graph"):
        data.full_info_by_graph(networkx.Graph(graph))


def dataset_of(header: dict[str, Any], row: list[Any]) -> Dataset:
    """A dataset of one training, without a file."""
    name, val_per, test_per, arch = row
    training = ReleasedTraining(name, tuple(val_per), test_per, Cell.from_arch_vec(arch))
    return Dataset(ReleasedFile({"dataset_type": "training", **header}, (training,)))


def test_all_operations_of_the_release_have_a_label() -> None:
    assert list(NB_ASR_OPS) == SPACE["ops"]


def test_the_original_reads_an_export_of_400_cells_equal_to_ours(tmp_path: Path) -> None:
    table = synthetic_table(500)
    release = tmp_path / "release"
    export_released(table, release)
    ours = from_folder(release, max_epochs=table.epochs, include_static_info=True)
    static = rows_of(release / "nb-asr-info.pickle")
    compared = set()
    for seed in table.seeds:
        theirs = rows_of(release / f"nb-asr-e{table.epochs}-{seed}.pickle")
        for name, (val_per, test_per, arch) in theirs.items():
            cell = Cell.from_arch_vec(arch)
            compared.add(name)
            assert published_hash(cell) == name
            assert ours.test_acc(arch, seed=seed) == test_per
            assert [ours.val_acc(arch, e + 1, best=False, seed=seed) for e in range(5)] == val_per[
                :5
            ]
            assert ours.params(arch) == static[name][0]
            assert test_per == np.float32(query(table, cell, "test_per", seed=seed))
            for epoch in (1, len(val_per)):
                measured = query(table, cell, seed=seed, epoch=epoch)
                assert val_per[epoch - 1] == np.float32(measured)
    assert len(compared) >= 400
