"""Report of a recipe pilot: noise, effects of operations, and cost of each candidate.

    python studies/pilot_report.py campaigns/pilot-start campaigns/pilot-warp ...

Every folder is a campaign whose records keep the scores of held-out sets (`scores_from`). Labels
are mean PERs over the kept epochs: of real speakers, of synthetic voices, of both pooled with
equal weight, and of both pooled as `speech-mini` does it. docs/notes/speech-mini.md defines each
column.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import Cell, Semantics, functional_key
from studies.pilot_cells import ANCHORS
from surrogate.metrics.ranking import kendall_tau
from train_benchmark.record import TrainingRecord
from train_benchmark.record_files.folder_kinds import read_store

IDENTITY = "50_500_5100"
PUBLISHED = {"01_100_5110": 0.2278, "11_111_1111": 0.2380, "00_101_3010": 0.2484}
PUBLISHED_IDENTITY = 0.2394
LABELS = {"real": 1.0, "synthetic": 0.0, "pooled": 0.5, "speech-mini": 0.21}
"""Weight of real speech in each label. In `configs/corpus/speech-mini.toml` the held-out parts have
22 % and 21 % of their phones from real speakers."""
RESAMPLES = 2000


@dataclass(frozen=True)
class Pilot:
    """Records of one candidate.

    Attributes:
        name: the candidate.
        keys: (k,) functions with every seed.
        labels: label -> (k, seeds) PER.
        seconds: median duration of a training.
    """

    name: str
    keys: tuple[str, ...]
    labels: dict[str, np.ndarray]
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--cells", type=Path, default=Path("configs/pilot/cells.txt"))
    options = parser.parse_args()
    good = keys_of_good_cells(options.cells)
    print(
        "candidate       label        cells  s/training  signal/noise [80 % interval]    tau  "
        "anchor error  order  no skip"
    )
    for folder in options.folders:
        pilot = read_pilot(folder)
        for label in LABELS:
            print(row(pilot, label, good))
    print("\nPER relative to the identity; published:", end=" ")
    print("  ".join(f"{text} {per / PUBLISHED_IDENTITY:.3f}" for text, per in PUBLISHED.items()))
    for folder in options.folders:
        pilot = read_pilot(folder)
        for label in LABELS:
            effects = "  ".join(
                f"{text} {value:.3f}" for text, value in relative(pilot, label).items()
            )
            print(f"{pilot.name:15} {label:12} {effects}")


def read_pilot(folder: Path) -> Pilot:
    """The functions of a campaign that were trained with every one of its seeds."""
    config = json.loads((folder / "campaign.json").read_text(encoding="utf-8"))["recipe"]
    sets = [f"{name}/{part}" for name in config["corpus"]["members"] for part in ("val", "test")]
    by_key: dict[str, list[TrainingRecord]] = {}
    for record in read_store(folder).values():
        if record.status == "ok":
            by_key.setdefault(record.functional_key, []).append(record)
    most = max(map(len, by_key.values()))
    whole = {key: records for key, records in by_key.items() if len(records) == most}
    real = np.array([name.startswith("timit/") for name in sets])
    on_real, on_voices = (
        np.array(
            [
                [mean_per(record, chosen) for record in sorted(records, key=lambda r: r.seed)]
                for records in whole.values()
            ]
        )
        for chosen in (real, ~real)
    )
    labels = {name: w * on_real + (1 - w) * on_voices for name, w in LABELS.items()}
    seconds = float(np.median([r.train_seconds for records in whole.values() for r in records]))
    return Pilot(folder.name, tuple(whole), labels, seconds)


def mean_per(record: TrainingRecord, chosen: np.ndarray) -> float:
    """Mean over the kept epochs and the chosen sets."""
    return float(np.array(record.held_out_per_curves)[chosen].mean())


def keys_of_good_cells(path: Path) -> set[str]:
    """Functions of the better half, as the file of cells marks them."""
    lines = path.read_text(encoding="utf-8").splitlines()
    texts = [line.split("#")[0].strip() for line in lines if "better half" in line]
    return {functional_key(Cell.parse(text), Semantics.PAPER) for text in texts}


def row(pilot: Pilot, label: str, good: set[str]) -> str:
    """One line of the report."""
    values = pilot.labels[label]
    in_half = np.array([key in good for key in pilot.keys])
    ratio, low, high = signal_to_noise(values[in_half])
    tau = kendall_tau(values[in_half, 0], values[in_half, 1]) if in_half.sum() > 3 else np.nan
    effects = relative(pilot, label)
    known = [text for text in PUBLISHED if text in effects]
    errors = [abs(np.log(effects[t]) - np.log(PUBLISHED[t] / PUBLISHED_IDENTITY)) for t in known]
    order = kendall_tau(
        np.array([1.0, *(effects[t] for t in known)]),
        np.array([PUBLISHED_IDENTITY, *(PUBLISHED[t] for t in known)]),
    )
    return (
        f"{pilot.name:15} {label:12} {len(pilot.keys):5}  {pilot.seconds:10.1f}  "
        f"{ratio:6.2f} [{low:5.2f}, {high:5.2f}] {'':12} {tau:5.2f}  "
        f"{np.mean(errors) if errors else np.nan:12.3f}  {order:5.2f}  "
        f"{rank_without_skips(pilot, label):7.2f}"
    )


def signal_to_noise(values: np.ndarray) -> tuple[float, float, float]:
    """Variance between cells over variance between seeds, with an 80 % bootstrap interval.

    Args:
        values: (k, s) a label of k cells with s seeds.
    """
    if len(values) < 3:
        return np.nan, np.nan, np.nan
    rng = np.random.default_rng(0)
    draws = [_ratio(values[rng.integers(len(values), size=len(values))]) for _ in range(RESAMPLES)]
    low, high = np.quantile(draws, [0.1, 0.9])
    return _ratio(values), float(low), float(high)


def _ratio(values: np.ndarray) -> float:
    noise = float(values.var(axis=1, ddof=1).mean())
    signal = float(values.mean(axis=1).var(ddof=1)) - noise / values.shape[1]
    return max(0.0, signal) / max(noise, np.finfo(float).tiny)


def relative(pilot: Pilot, label: str) -> dict[str, float]:
    """PER of each anchor over that of the identity, as far as both are trained."""
    means = dict(zip(pilot.keys, pilot.labels[label].mean(axis=1), strict=True))
    identity = means.get(functional_key(Cell.parse(IDENTITY), Semantics.PAPER))
    if identity is None:
        return {}
    keys = {t: functional_key(Cell.parse(t), Semantics.PAPER) for t in ANCHORS if t != IDENTITY}
    return {text: float(means[key] / identity) for text, key in keys.items() if key in means}


def rank_without_skips(pilot: Pilot, label: str) -> float:
    """Mean rank of cells whose output has no path around every operation; 0 is the best cell."""
    means = pilot.labels[label].mean(axis=1)
    ranks = means.argsort().argsort() / max(1, len(means) - 1)
    without = np.array([not adds_its_input(key) for key in pilot.keys])
    return float(ranks[without].mean()) if without.any() else np.nan


def adds_its_input(key: str) -> bool:
    """Whether a function's output is a sum in which the cell's input itself stands.

    >>> adds_its_input("1=linear(x);y=2*x+1"), adds_its_input("1=linear(x);y=1")
    (True, False)
    """
    output = key.rsplit("y=", maxsplit=1)[-1]
    return any(term.split("*")[-1] == "x" for term in output.split("+"))


if __name__ == "__main__":
    main()
