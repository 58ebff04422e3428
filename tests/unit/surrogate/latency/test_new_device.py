"""A new device from a few measurements."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graph_encoding import Cell, CellSpace, Semantics, UserError, cell_graph
from graph_encoding.graph import CellGraph
from surrogate.calibration import calibrate
from surrogate.cli import main
from surrogate.data.dataset import SurrogateDataset
from surrogate.latency.model import LatencyModel, latency_dataset
from surrogate.latency.new_device import TransferredLatency
from surrogate.metrics import spearman_rho
from surrogate.predictors import AdditivePredictor
from tests.unit.surrogate.latency.test_model import CELLS, measurement, true_seconds
from train_benchmark.record_files.latency_record import LatencyRecord, write_latencies

KEYS = list(CELLS)
GRAPHS = [cell_graph(CELLS[key]) for key in KEYS]


def new_seconds(graph: CellGraph) -> float:
    """Three times slower, and pooling convolutions of seven frames costs it more."""
    seven = sum(op.name.startswith("conv7") for op in graph.ops[1:-1])
    return 3 * true_seconds(graph) * 1.05**seven


def source(seconds: dict[str, float]) -> LatencyModel:
    cells = {key: CELLS[key].text for key in seconds}
    dataset: SurrogateDataset = latency_dataset(seconds, cells, Semantics.PAPER)
    rng = np.random.default_rng(0)
    found = calibrate(dataset, AdditivePredictor, 5, rng)
    trained_on = found.trained_on
    return LatencyModel(
        "old", "a processor", found.predictor, found.calibrator, trained_on, seconds
    )


@pytest.fixture(scope="module")
def old() -> LatencyModel:
    return source({key: true_seconds(graph) for key, graph in zip(KEYS, GRAPHS, strict=True)})


@pytest.fixture(scope="module")
def unlike() -> LatencyModel:
    """A device whose latencies are unrelated to those of the new one."""
    shuffled = np.random.default_rng(1).permutation([true_seconds(graph) for graph in GRAPHS])
    return source(dict(zip(KEYS, shuffled.tolist(), strict=True)))


def transferred(count: int, *sources: LatencyModel) -> TransferredLatency:
    seconds = np.array([new_seconds(graph) for graph in GRAPHS[:count]])
    return TransferredLatency.fit(sources, "new", "a phone", GRAPHS[:count], seconds)


@pytest.mark.parametrize("count", [5, 10, 20])
def test_few_measurements_rank_and_scale_the_rest(old: LatencyModel, count: int) -> None:
    found = transferred(count, old).forecast(GRAPHS[count:], 0.9)
    truth = np.array([new_seconds(graph) for graph in GRAPHS[count:]])
    means = np.array([t.mean for t in found])
    assert spearman_rho(means, truth) > 0.95
    assert np.median(np.abs(means / truth - 1)) < 0.05
    assert all(t.low < t.mean < t.high and t.device == "a phone" for t in found)
    assert np.mean([t.low <= s <= t.high for t, s in zip(found, truth, strict=True)]) > 0.8


def test_a_device_that_is_slower_by_a_factor_is_known_exactly(old: LatencyModel) -> None:
    answers = np.exp(old.predictor.predict(GRAPHS).mean)
    same = TransferredLatency.fit([old], "new", "a phone", GRAPHS[:6], 7 * answers[:6])
    found = [t.mean for t in same.forecast(GRAPHS, 0.9)]
    assert found == pytest.approx((7 * answers).tolist(), rel=1e-6)


def test_the_source_that_fits_best_is_chosen(old: LatencyModel, unlike: LatencyModel) -> None:
    both = transferred(20, unlike, old)
    alone = transferred(20, old)
    assert [t.mean for t in both.forecast(GRAPHS[20:30], 0.9)] == pytest.approx(
        [t.mean for t in alone.forecast(GRAPHS[20:30], 0.9)]
    )


def test_more_measurements_reduce_the_uncertainty(old: LatencyModel) -> None:
    def width(count: int) -> float:
        found = transferred(count, old).forecast(GRAPHS[100:], 0.9)
        return float(np.mean([np.log(t.high / t.low) for t in found]))

    assert width(20) < width(4)


def test_measured_latencies_are_part_of_the_forecast(old: LatencyModel) -> None:
    found = transferred(5, old).forecast(GRAPHS[4:6], 0.9)
    assert found[0].measured == new_seconds(GRAPHS[4])
    assert found[1].measured is None


def test_cells_novel_to_the_source_are_less_certain(old: LatencyModel) -> None:
    model = transferred(10, old)
    known, other = model.forecast(
        [cell_graph(Cell.parse("10_100_1000")), cell_graph(Cell.parse("10_conv9:00_1000"))], 0.9
    )
    assert other.high / other.low > known.high / known.low


def test_too_few_measurements_are_refused(old: LatencyModel) -> None:
    with pytest.raises(UserError, match="at least 4 measured functions, but has 3"):
        transferred(3, old)
    with pytest.raises(UserError, match="needs a model of another device"):
        transferred(5)
    with pytest.raises(UserError, match="distinct"):
        TransferredLatency.fit([old], "new", "a phone", GRAPHS[:1] * 5, np.ones(5))
    with pytest.raises(UserError, match="> 0"):
        TransferredLatency.fit([old], "new", "a phone", GRAPHS[:5], np.zeros(5))


@pytest.fixture
def fitted(old: LatencyModel, tmp_path: Path, artifact: object) -> Path:
    """The folder of an artifact that knows the latency of a processor."""
    replace(artifact, latency=(old,)).save(tmp_path / "fitted")  # type: ignore[type-var]
    return tmp_path / "fitted"


def of_phone(count: int, **changes: Any) -> list[LatencyRecord]:
    """Records of the first functions on a phone."""
    return [
        replace(
            measurement(key, CELLS[key]),
            **{"device": "a phone", "latency_s": new_seconds(graph), **changes},
        )
        for key, graph in zip(KEYS[:count], GRAPHS[:count], strict=True)
    ]


def predicted(fitted: Path, records: list[LatencyRecord]) -> int:
    """Exit code of a forecast with a sweep beside the artifact."""
    sweep = fitted.with_name("phone")
    (sweep / "shards").mkdir(parents=True)
    write_latencies(records, sweep / "shards/0.parquet")
    options = ["--artifact", str(fitted), "--latency", str(sweep), "--wide"]
    with pytest.raises(SystemExit) as ended:
        main(["predict", CellSpace().cell(1234).text, *options])
    return int(ended.value.code or 0)


def test_predict_accepts_the_folder_of_a_sweep(
    fitted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predicted(fitted, of_phone(8)) == 0
    out = capsys.readouterr().out
    assert "latency_s old on a processor" in out
    assert "b1-1s on a phone, transferred" in out


def test_a_device_with_the_name_of_the_artifacts_stays_separate(
    fitted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as that of an equal processor in another computer."""
    assert predicted(fitted, of_phone(8, setting="old", device="a processor")) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if "latency_s" in line]
    assert ["transferred" in row for row in rows] == [False, True]
    assert all("latency_s old on a processor" in row for row in rows)


UNSUPPORTED = {"status": "unsupported", "error": "no such engine", "latency_s": float("nan")}


@pytest.mark.parametrize(
    ("records", "rule"),
    [
        (of_phone(8, **UNSUPPORTED), "must have measured functions.*unsupported: no such engine"),
        (
            [*of_phone(8), *of_phone(2, setting="another", **UNSUPPORTED)],
            "'another' on 'a phone' must have measured functions.*unsupported: no such engine",
        ),
        (
            [*of_phone(8), *of_phone(3, setting="another")],
            "setting 'another' on 'a phone': .* at least 4 measured functions, but has 3",
        ),
    ],
    ids=["nothing", "nothing in a setting", "too few in a setting"],
)
def test_a_sweep_with_too_few_measurements_is_named(
    fitted: Path, capsys: pytest.CaptureFixture[str], records: list[LatencyRecord], rule: str
) -> None:
    assert predicted(fitted, records) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert re.search(rule, said.err)
    assert str(fitted.with_name("phone")) in said.err


@pytest.mark.parametrize("text", ["conv9:0_100_1000", "10_100_1000_10000", "conv11:0"])
def test_a_transfer_of_novel_cells_is_no_more_certain_than_its_source(
    old: LatencyModel, text: str
) -> None:
    graph = cell_graph(Cell.parse(text))
    (from_old,) = old.forecast([graph], 0.9)
    (found,) = transferred(12, old).forecast([graph], 0.9)
    assert found.support == from_old.support == "extrapolated"
    assert np.log(found.high / found.low) >= np.log(from_old.high / from_old.low)
    assert found.std / found.mean >= from_old.std / from_old.mean
