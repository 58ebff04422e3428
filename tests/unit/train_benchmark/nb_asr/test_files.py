"""The original's files: they round-trip, and no pickle of a stranger runs anything."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph_encoding import CellSpace, UserError
from graph_encoding.published.cost import released_flops, released_params
from graph_encoding.published.graph_hash import published_class, published_hash
from train_benchmark.nb_asr.dataset import Dataset
from train_benchmark.nb_asr.files import (
    ReleasedFile,
    ReleasedLatency,
    ReleasedRow,
    ReleasedStatic,
    ReleasedTraining,
    read_released,
    write_released,
)
from train_benchmark.nb_asr.latency_and_costs import FileDataset

CELLS = [published_class(CellSpace().cell(i)).representative for i in range(0, 13_824, 700)]
SPACE = {"shape": [[6, 2], [6, 2, 2], [6, 2, 2, 2]], "ops": ["linear"], "nodes": 3}


def header(kind: str, columns: list[str], **more: object) -> dict[str, object]:
    return {
        "dataset_type": kind,
        "version": 2,
        "search_space": SPACE,
        "columns": columns,
        **more,
    }


TRAINING_HEADER = header(
    "training", ["model_hash", "val_per", "test_per", "arch_vec"], epochs=3, seed=1234
)


def training_rows() -> list[ReleasedRow]:
    rng = np.random.default_rng(0)
    return [
        ReleasedTraining(
            published_hash(cell),
            tuple(rng.uniform(0.2, 1.0, 3).astype(np.float32).tolist()),
            float(np.float32(rng.uniform(0.2, 1.0))),
            cell,
        )
        for cell in CELLS
    ]


FILES = [
    ReleasedFile(TRAINING_HEADER, tuple(training_rows())),
    ReleasedFile(
        header("benchmarking", ["model_hash", "latency"], device="jetson-nano"),
        tuple(ReleasedLatency(published_hash(c), 0.04 + 0.001 * i) for i, c in enumerate(CELLS)),
    ),
    ReleasedFile(
        header("static", ["model_hash", "params", "flops"]),
        tuple(
            ReleasedStatic(published_hash(c), released_params(c), released_flops(c)) for c in CELLS
        ),
    ),
]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.dataset_type)
def test_files_round_trip(tmp_path: Path, file: ReleasedFile) -> None:
    path = tmp_path / "nb-asr.pickle"
    write_released(path, file)
    assert read_released(path) == file
    assert list(tmp_path.iterdir()) == [path]


def test_the_originals_own_reader_finds_what_it_expects(tmp_path: Path) -> None:
    path = tmp_path / "nb-asr-e3-1234.pickle"
    write_released(path, FILES[0])
    with path.open("rb") as file:
        found, rows = pickle.load(file), pickle.load(file)  # noqa: S301 -- written above
    assert found == TRAINING_HEADER
    first = FILES[0].rows[0]
    assert isinstance(first, ReleasedTraining)
    assert rows[0] == [
        first.model_hash,
        list(first.val_per),
        first.test_per,
        [tuple(node) for node in first.cell.arch_vec],
    ]


def write_pickles(path: Path, *values: object, protocol: int = 4) -> Path:
    path.write_bytes(b"".join(pickle.dumps(value, protocol=protocol) for value in values))
    return path


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_numpy_values_of_every_protocol_are_read(tmp_path: Path, protocol: int) -> None:
    row = FILES[0].rows[0]
    assert isinstance(row, ReleasedTraining)
    curve = np.array(row.val_per, dtype=np.float32)
    for values in (curve, list(curve), np.asfortranarray(curve[:, None])):
        raw = [row.model_hash, values, np.float32(row.test_per), row.cell.arch_vec]
        path = write_pickles(tmp_path / "f.pickle", TRAINING_HEADER, [raw], protocol=protocol)
        assert read_released(path).rows == (row,)


class Malicious:
    """Unpickled the usual way, this runs a command."""

    def __init__(self, function: object, *arguments: object) -> None:
        self._reduced = function, arguments

    def __reduce__(self) -> Any:
        return self._reduced


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.system, "system"),
        (eval, "eval"),
        (getattr, "getattr"),
        (np.load, "load"),
    ],
)
@pytest.mark.parametrize("place", ["header", "rows"])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_malicious_pickle_is_refused_by_name_and_runs_nothing(
    tmp_path: Path, function: object, name: str, place: str, protocol: int
) -> None:
    target = tmp_path / "it-ran"
    bomb = Malicious(function, f"touch {target}")
    values = (bomb, []) if place == "header" else (TRAINING_HEADER, [bomb])
    path = write_pickles(tmp_path / "f.pickle", *values, protocol=protocol)
    with pytest.raises(UserError, match=rf"the {place} of .* names \w+\.{name}, .* was not run"):
        read_released(path)
    assert not target.exists()


def test_an_array_cannot_claim_memory_that_is_not_in_the_file(tmp_path: Path) -> None:
    bomb = Malicious(np.ndarray((0,)).__reduce__()[0], np.ndarray, (10**12,), b"d")
    path = write_pickles(tmp_path / "f.pickle", TRAINING_HEADER, [bomb])
    with pytest.raises(UserError, match="an array must begin empty"):
        read_released(path)


def test_the_array_type_cannot_be_called(tmp_path: Path) -> None:
    path = write_pickles(tmp_path / "f.pickle", TRAINING_HEADER, [Malicious(np.ndarray, (10**12,))])
    with pytest.raises(UserError, match="cannot be read"):
        read_released(path)


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    row = [CELLS[0].text, np.array(["a", None], dtype=object), 0.5, CELLS[0].arch_vec]
    path = write_pickles(tmp_path / "f.pickle", TRAINING_HEADER, [row], protocol=5)
    with pytest.raises(UserError):
        read_released(path)


@pytest.mark.parametrize("kept", [0.05, 0.5, 0.99])
def test_a_truncated_file_names_the_place(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "f.pickle"
    write_released(path, FILES[0])
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(UserError, match=r"a pickle that begins at byte \d+, .* near byte \d+ of"):
        read_released(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset_type": "odd"}, "dataset_type is one of training"),
        ({"seed": ...}, "must have 'seed'"),
        ({"columns": ["model_hash", "test_acc"]}, "must have the columns"),
        ({"columns": 5}, "must have the columns .* but has 5"),
        ({"dataset_type": ["training"]}, "dataset_type is one of training"),
        ({"epochs": 4}, "row 0: must have a validation PER for each of 4 epochs, but has 3"),
        ({"epochs": np.arange(2)}, r"must have an integer as its epochs, but has \[0, 1\]"),
        ({"epochs": "3"}, "must have an integer as its epochs, but has '3'"),
        ({"seed": [1]}, r"must have an integer as its seed, but has \[1\]"),
        ({"seed": True}, "must have an integer as its seed, but has True"),
    ],
)
def test_wrong_headers(tmp_path: Path, change: dict[str, object], message: str) -> None:
    wrong = {k: v for k, v in {**TRAINING_HEADER, **change}.items() if v is not ...}
    row = FILES[0].rows[0]
    assert isinstance(row, ReleasedTraining)
    raw = [row.model_hash, list(row.val_per), row.test_per, row.cell.arch_vec]
    with pytest.raises(UserError, match=message):
        read_released(write_pickles(tmp_path / "f.pickle", wrong, [raw]))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (0, "0" * 32, "must have the hash of its cell"),
        (0, 7, "must begin with an md5"),
        (1, [0.5, float("nan"), 0.5], "must be finite"),
        (1, [0.5, [0.5, 0.5]], "row 0: .*inhomogeneous"),
        (1, {"epoch": 0.5}, "must be a number"),
        (1, [0.5, 10**400, 0.5], "row 0: .*too large"),
        (2, "0.5", "must be a number"),
        (2, -0.5, ">= 0"),
        (3, [[9, 0], [1, 0, 0], [1, 0, 0, 0]], "operation index"),
        (3, [[1.7, 0.3], [1, 0, 0], [1, 0, 0, 0]], "must have integers"),
        (3, 5, "must have integers"),
        (3, "abc", "must have integers"),
        (3, [[1, 0], [1, 0, 0]], "row 0: "),
    ],
)
def test_wrong_rows(tmp_path: Path, column: int, value: object, message: str) -> None:
    row = FILES[0].rows[0]
    assert isinstance(row, ReleasedTraining)
    raw = [row.model_hash, list(row.val_per), row.test_per, row.cell.arch_vec]
    raw[column] = value
    with pytest.raises(UserError, match=message):
        read_released(write_pickles(tmp_path / "f.pickle", TRAINING_HEADER, [raw]))


def test_a_hash_has_one_row(tmp_path: Path) -> None:
    """The last of two would be read for both."""
    for file in FILES:
        path = tmp_path / f"{file.dataset_type}.pickle"
        write_released(path, ReleasedFile(file.header, (*file.rows, file.rows[0])))
        with pytest.raises(UserError, match=f"several for {file.rows[0].model_hash}"):
            read_released(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read released file"):
        read_released(tmp_path / "none.pickle")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"version": None}, "must have an integer as its version, but has None"),
        ({"version": "2"}, "must have an integer as its version, but has '2'"),
        ({"version": True}, "must have an integer as its version, but has True"),
        ({"search_space": None}, "must have a search_space with the lists shape and ops"),
        ({"search_space": {"shape": [[6, 2]], "ops": "linear", "nodes": 3}}, "lists shape and ops"),
        ({"search_space": {"shape": [[6, 2]], "ops": ["linear"]}}, "and the number nodes"),
    ],
)
def test_headers_that_the_originals_names_cannot_be_read_from(
    tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    path = write_pickles(tmp_path / "f.pickle", {**TRAINING_HEADER, **changed}, [])
    with pytest.raises(UserError, match=message):
        read_released(path)


def test_the_device_of_a_header_is_a_text(tmp_path: Path) -> None:
    wrong = {**FILES[1].header, "device": 7}
    with pytest.raises(UserError, match="must have a text as its device, but has 7"):
        read_released(write_pickles(tmp_path / "f.pickle", wrong, []))


def test_headers_with_arrays_can_be_compared(tmp_path: Path) -> None:
    row = FILES[0].rows[0]
    assert isinstance(row, ReleasedTraining)
    raw = [row.model_hash, list(row.val_per), row.test_per, row.cell.arch_vec]

    def write(name: str, **changes: object) -> Path:
        values = {**TRAINING_HEADER, "epochs": np.int64(3), "more": {"x": np.arange(2)}, **changes}
        return write_pickles(tmp_path / name, values, [raw])

    files = [write("a.pickle", seed=1), write("b.pickle", seed=2)]
    assert read_released(files[0]).header["more"] == {"x": [0, 1]}
    assert Dataset(files).seeds == [1, 2]
    other = write("c.pickle", seed=3, more={"x": np.arange(3)})
    with pytest.raises(UserError, match="must differ in the seed only, but differ in more"):
        Dataset([files[0], other])


def test_a_header_that_contains_itself_is_an_error(tmp_path: Path) -> None:
    endless: list[object] = []
    endless.append(endless)
    path = write_pickles(tmp_path / "f.pickle", {**TRAINING_HEADER, "more": endless}, [])
    with pytest.raises(UserError, match="the header of released file"):
        read_released(path)


def test_a_missing_search_space_is_an_error(tmp_path: Path) -> None:
    without = {k: v for k, v in TRAINING_HEADER.items() if k != "search_space"}
    path = write_pickles(tmp_path / "f.pickle", without, [])
    dataset = FileDataset(read_released(path), "training", "seed")
    assert dataset.version == 2
    for name in ("search_space", "ops", "nodes"):
        with pytest.raises(UserError, match="the header must have a search_space"):
            getattr(dataset, name)
