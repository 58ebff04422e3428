"""The report of a recipe pilot: known noise, known effects, cells without a skip."""

import json
from pathlib import Path

import numpy as np
import pytest

from graph_encoding import Cell, Semantics, functional_key
from studies.pilot_report import (
    LABELS,
    adds_its_input,
    keys_of_good_cells,
    main,
    read_pilot,
    relative,
    signal_to_noise,
)
from train_benchmark.collecting.record_writer import RecordStore
from train_benchmark.record import TrainingRecord

CELLS = {"50_500_5100": 0.20, "01_100_5110": 0.19, "00_101_3010": 0.22, "10_100_1000": 0.30}
EPOCHS = 4


def record(text: str, seed: int, per: float) -> TrainingRecord:
    cell = Cell.parse(text)
    voices, real = (per,) * EPOCHS, (2 * per,) * EPOCHS
    return TrainingRecord(
        functional_key=functional_key(cell, Semantics.PAPER),
        cell=text,
        semantics="paper",
        seed=seed,
        recipe_hash="r",
        corpus_fingerprint="c",
        status="ok",
        error="",
        val_per_curve=voices,
        train_loss_curve=(1.0,) * EPOCHS,
        best_epoch=1,
        test_per=per,
        params=1,
        train_seconds=12.0,
        software="numpy=2",
        held_out_per_curves=(voices, voices, real, real),
        utterance_edits=((1, 2),) * 2,
        utterance_ctc_loss=((1.0, 2.0),) * 2,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    campaign = tmp_path / "start"
    with RecordStore(campaign) as store:
        for text, per in CELLS.items():
            for seed, error in ((1, -0.001), (2, 0.001)):
                store.append(record(text, seed, per + error))
        # A function with one seed is not compared yet.
        store.append(record("20_100_1000", 1, 0.5))
    recipe = {"corpus": {"members": {"voices": {}, "timit": {}}}}
    (campaign / "campaign.json").write_text(json.dumps({"recipe": recipe}))
    return campaign


def test_labels_and_effects_are_those_of_the_records(folder: Path) -> None:
    pilot = read_pilot(folder)
    assert len(pilot.keys) == 4
    assert pilot.seconds == 12.0
    np.testing.assert_allclose(pilot.labels["real"], 2 * pilot.labels["synthetic"])
    effects = relative(pilot, "synthetic")
    assert effects == pytest.approx({"01_100_5110": 0.95, "00_101_3010": 1.1})


def test_signal_to_noise_is_the_ratio_of_variances() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0, 2, (4000, 1)) + rng.normal(0, 1, (4000, 2))
    ratio, low, high = signal_to_noise(values)
    assert ratio == pytest.approx(4.0, rel=0.1)
    assert low < 4.0 < high
    assert signal_to_noise(rng.normal(0, 1, (4000, 2)))[0] < 0.1


@pytest.mark.parametrize(
    ("text", "expected"),
    [("50_500_5100", True), ("01_100_5110", True), ("10_100_1000", False), ("00_101_3010", False)],
)
def test_cells_that_add_their_input(text: str, expected: bool) -> None:
    assert adds_its_input(functional_key(Cell.parse(text), Semantics.PAPER)) is expected


def test_the_report_has_a_line_per_label(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cells = tmp_path / "cells.txt"
    cells.write_text("".join(f"{text}  # better half, forecast .5\n" for text in CELLS))
    assert len(keys_of_good_cells(cells)) == 4
    monkeypatch.setattr("sys.argv", ["pilot_report", str(folder), "--cells", str(cells)])
    main()
    printed = capsys.readouterr().out
    assert printed.count("start ") == 2 * len(LABELS)
    assert "01_100_5110 0.950" in printed
