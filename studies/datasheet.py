"""Figures and numbers of a table's datasheet (docs/datasheets/timit-micro.md).

    python studies/datasheet.py timit-micro --out docs/images
    python studies/datasheet.py timit-micro --other synth-micro --out docs/images

Needs matplotlib, as nothing else here does: pip install matplotlib. Prints the numbers of the text
and writes one SVG per figure. Only measured rows count; the label of a function is the mean over
its seeds. Numbers on the noise between seeds are those of `studies/seed_halves.py`.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import kendalltau, spearmanr

sys.path.insert(0, str(Path(__file__).parents[1]))

from graph_encoding import Cell, Semantics, functional_form, macs
from graph_encoding.macro import Macro
from graph_encoding.ops import NB_ASR_OPS
from studies.half_agreement import in_half
from studies.seed_halves import HALVES, held_out_forecasts
from surrogate.data.targets import COLLAPSED_PER
from surrogate.metrics.confidence import bootstrap_interval
from train_benchmark.table.benchmark_table import LABELS, BenchmarkTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLE = {
    "svg.hashsalt": "nasasr",  # the same numbers, the same bytes
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
}
WORST_SHOWN = 0.85
"""Greatest error rate of a drawing: few functions are worse."""


class Data:
    """A table's functions of the standard space, as arrays."""

    def __init__(self, table: BenchmarkTable) -> None:
        self.table = table
        cells = {key: Cell.parse(table.cell_of(key)) for key in table.keys}
        self.forms = {key: functional_form(c, Semantics.PAPER) for key, c in cells.items()}
        self.keys = [
            key
            for key, cell in cells.items()
            if cell.nodes == 3 and set(cell.ops) <= set(NB_ASR_OPS)
        ]
        self.cells = [cells[key] for key in self.keys]
        macro = Macro.from_plain(table.metadata.recipe["macro"])
        self.macs = np.array([macs(cell, macro, input_frames=100) for cell in self.cells])
        worst = max(self.label("val_per").max(), self.label("test_per").max())
        self.shown = min(WORST_SHOWN, 1.02 * float(worst))
        self.curves = {key: [row.val_per_curve for row in table.rows_of(key)] for key in self.keys}

    def label(self, name: str) -> np.ndarray:
        """(k,) one label, mean over seeds."""
        return np.array([np.mean(list(self.table.labels_of(k, name).values())) for k in self.keys])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table")
    parser.add_argument("--other", help="table of the same functions on other speech")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    try:
        import matplotlib as mpl
        from matplotlib import pyplot as plt
    except ModuleNotFoundError as e:
        parser.error(f"drawing needs {e.name}, which no extra installs: pip install matplotlib")
    mpl.use("svg")
    mpl.rcParams.update(STYLE)
    data = Data(BenchmarkTable.load(options.table))
    options.out.mkdir(parents=True, exist_ok=True)
    print(f"{len(data.keys)} functions of the standard space, {len(data.table)} rows in all")
    figures: dict[str, Callable[[Axes, Data], None]] = {
        "per-distribution": distribution,
        "per-curves": curves,
        "per-seed-noise": seed_noise,
        "per-macs": against_macs,
        "per-latency": against_latency,
        "per-operations": operations,
        "per-skips": skips,
        "per-val-test": val_against_test,
        "per-epochs": epochs,
    }
    if options.other is not None:
        other = Data(BenchmarkTable.load(options.other))
        figures["per-transfer"] = partial(transfer, other=other)
    for name, draw in figures.items():
        figure, axes = plt.subplots(figsize=(4.6, 3.2))
        draw(axes, data)
        if axes.has_data():
            path = options.out / f"{name}.svg"
            # Thousands of dots are an image within the drawing: as paths they would be a megabyte.
            figure.savefig(path, dpi=200, metadata={"Date": None})
            print(f"wrote {path}")
        plt.close(figure)


def distribution(axes: "Axes", data: Data) -> None:
    """How phone error rates spread over the space."""
    val, test = data.label("val_per"), data.label("test_per")
    bins = np.linspace(min(val.min(), test.min()), max(val.max(), test.max()), 50)
    axes.hist(val, bins, alpha=0.6, label="val_per")
    axes.hist(test, bins, alpha=0.6, label="test_per")
    axes.set(xlabel="phone error rate", ylabel="functions")
    axes.legend(frameon=False)
    for name, values in (("val_per", val), ("test_per", test)):
        quantiles = np.quantile(values, [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1])
        print(f"{name}: quantiles 0, 5, 25, 50, 75, 95, 100 %:", *np.round(quantiles, 3))
    table = data.table
    every = np.array([np.mean(list(table.labels_of(k, "val_per").values())) for k in table.keys])
    for what, values in (("of the standard space", val), ("in all", every)):
        print(
            f"val_per of {len(values)} functions {what}: best {values.min():.3f}, worst "
            f"{values.max():.3f}, {(values > COLLAPSED_PER).sum()} collapsed: above {COLLAPSED_PER}"
        )


def curves(axes: "Axes", data: Data) -> None:
    """Learning curves of functions at some quantiles of the final label."""
    order = np.argsort(data.label("val_per"))
    for share in (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98):
        key = data.keys[order[int(share * (len(order) - 1))]]
        curve = data.curves[key][0]
        axes.plot(range(1, len(curve) + 1), curve, label=f"{share:.0%}")
    axes.set(xlabel="epoch", ylabel="validation PER")
    _whole_numbers(axes)
    # Beside the curves, which leave no free corner.
    axes.legend(
        title="share of functions\nthat are better",
        frameon=False,
        fontsize=7,
        title_fontsize=7,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
    )


def seed_noise(axes: "Axes", data: Data) -> None:
    """Two trainings of one function against each other."""
    seeds = data.table.seeds
    if len(seeds) < 2:
        return
    keys, matrix = data.table.label_matrix("val_per", seeds[:2])
    axes.plot([matrix.min(), data.shown], [matrix.min(), data.shown], color="grey", lw=0.7)
    axes.scatter(*matrix.T, s=6)
    axes.set(xlabel=f"val_per, seed {seeds[0]}", ylabel=f"val_per, seed {seeds[1]}")
    axes.set(xlim=(None, data.shown), ylim=(None, data.shown))
    _say_what_is_cut(axes, matrix.max(axis=1), data.shown)
    tau = kendalltau(*matrix.T).statistic
    print(f"seeds {seeds[0]} and {seeds[1]}: {len(keys)} functions, Kendall tau {tau:.3f}")


def against_macs(axes: "Axes", data: Data) -> None:
    """Error against cost, with the Pareto front."""
    _front(axes, data.macs / 1e6, data.label("val_per"), data.shown)
    axes.set(xlabel="million multiply-accumulates, one second of speech", ylabel="val_per")
    print(f"val_per and MACs: tau {kendalltau(data.macs, data.label('val_per')).statistic:.3f}")


def against_latency(axes: "Axes", data: Data) -> None:
    """Error against measured latency, with the Pareto front; nothing where none was measured.

    The setting is the first one of the table's own network, if there is one.
    """
    own = f"{data.table.metadata.recipe['macro']['name']}/"
    for setting in sorted(data.table.latency.settings, key=lambda s: not s.startswith(own)):
        measured = data.table.latency.seconds(setting)
        rows = [i for i, key in enumerate(data.keys) if key in measured]
        latency_s = np.array([measured[data.keys[i]] for i in rows])
        per = data.label("val_per")[rows]
        _front(axes, latency_s * 1e3, per, data.shown)
        axes.set(xlabel=f"latency, ms ({setting})", ylabel="val_per")
        print(f"val_per and {setting}: tau {kendalltau(latency_s, per).statistic:.3f}")
        return


def _front(axes: "Axes", cost: np.ndarray, per: np.ndarray, shown: float) -> None:
    axes.scatter(cost, per, s=3, alpha=0.5, rasterized=True)
    order = np.lexsort((per, cost))
    best = np.minimum.accumulate(per[order])
    front = order[np.flatnonzero(np.diff(best, prepend=np.inf) < 0)]
    axes.step(cost[front], per[front], where="post", color="tab:red", lw=1, label="Pareto front")
    axes.set_ylim(None, shown)
    axes.legend(frameon=False, fontsize=7, loc="lower left", bbox_to_anchor=(0.0, 0.98))
    _say_what_is_cut(axes, per, shown)


def _say_what_is_cut(axes: "Axes", worst: np.ndarray, shown: float) -> None:
    """How many functions, (k,) each with its worst label that is drawn, are out of the picture."""
    cut = int((worst > shown).sum())
    if cut:
        axes.set_title(f"{cut} functions above {shown:.2f} not shown", fontsize=7, loc="right")


def _whole_numbers(axes: "Axes") -> None:
    """Ticks of epochs: there is none between two."""
    axes.locator_params(axis="x", integer=True)


def operations(axes: "Axes", data: Data) -> None:
    """The label of functions with so many nodes of an operation, less the mean of all."""
    per = data.label("val_per")
    for op in NB_ASR_OPS:
        counts = np.array([data.forms[key].ops.count(op) for key in data.keys])
        if not counts.any():  # zero operations are gone from functions
            continue
        means = [per[counts == n].mean() if (counts == n).any() else np.nan for n in range(4)]
        axes.plot(range(4), means, marker="o", ms=3, label=op)
        print(f"mean val_per by number of {op}:", *np.round(means, 3))
    axes.set(xlabel="nodes with the operation, after reduction", ylabel="mean val_per")
    axes.set_xticks(range(4))
    axes.legend(frameon=False, fontsize=7)


def skips(axes: "Axes", data: Data) -> None:
    """Effect of each of the six flags: mean with it less mean without."""
    per = data.label("val_per")
    flags = np.array([[f for node in cell.skips for f in node] for cell in data.cells], dtype=bool)
    names = ["x to 1", "x to 2", "1 to 2", "x to 3", "1 to 3", "2 to 3"]
    effects = [per[column].mean() - per[~column].mean() for column in flags.T]
    axes.barh(names, effects)
    axes.invert_yaxis()
    axes.axvline(0, color="grey", lw=0.7)
    axes.set(
        xlabel="mean change of val_per by adding the skip (negative is better)",
        ylabel="skip (x: the cell's input)",
    )
    print("skips:", *(f"{n} {e:+.4f}" for n, e in zip(names, effects, strict=True)))


def val_against_test(axes: "Axes", data: Data) -> None:
    """Validation against test, each the mean of the same trainings."""
    val, test = data.label("val_per"), data.label("test_per")
    axes.scatter(val, test, s=3, alpha=0.5, rasterized=True)
    axes.set(xlabel="val_per", ylabel="test_per", xlim=(None, data.shown), ylim=(None, data.shown))
    _say_what_is_cut(axes, np.maximum(val, test), data.shown)
    for name in LABELS:
        if name == "test_per":
            continue
        print(f"{name} and test_per: tau {kendalltau(data.label(name), test).statistic:.3f}")


def epochs(axes: "Axes", data: Data) -> None:
    """How well the ranking after each epoch agrees with that of the final label."""
    matrix = np.array([np.mean(data.curves[key], axis=0) for key in data.keys])
    final = data.label("val_per")
    taus = [kendalltau(column, final).statistic for column in matrix.T]
    axes.plot(range(1, len(taus) + 1), taus, marker="o", ms=3)
    axes.set(xlabel="epoch", ylabel="Kendall tau with val_per")
    _whole_numbers(axes)
    print("tau of each epoch with val_per:", *np.round(taus, 3))


def transfer(axes: "Axes", data: Data, other: Data) -> None:
    """The same functions on another corpus, one seed on each."""
    (seed, *_), (other_seed, *_) = data.table.seeds, other.table.seeds
    forecasts = held_out_forecasts(data.table)
    for name in ("val_per", "test_per"):
        of_key = {
            key: (data.table.labels_of(key, name), other.table.labels_of(key, name))
            for key in data.keys
        }
        both = {
            k: (a[seed], b[other_seed])
            for k, (a, b) in of_key.items()
            if seed in a and other_seed in b
        }
        here, there = np.array(list(both.values())).T
        order = np.array([forecasts[key] for key in both])
        low, high = bootstrap_interval(
            lambda rows, a=here, b=there: kendalltau(a[rows], b[rows]).statistic,
            len(both),
            np.random.default_rng(0),
        )
        print(
            f"{name} on both corpora: {len(both)} functions, Kendall tau "
            f"{kendalltau(here, there).statistic:.3f} ({low:.3f} to {high:.3f}), Spearman's rho "
            f"{spearmanr(here, there).statistic:.3f}"
        )
        for half, better in HALVES:
            rows = in_half(order, better=better)
            tau = kendalltau(here[rows], there[rows]).statistic
            print(f"{half} half by held-out forecast: {rows.sum()} functions, tau {tau:.3f}")
        if name == "val_per":
            axes.scatter(here, there, s=4, alpha=0.6)
            _say_what_is_cut(axes, here, data.shown)
    axes.set(
        xlabel=f"val_per, {data.table.metadata.name}",
        ylabel=f"val_per, {other.table.metadata.name}",
        xlim=(None, data.shown),
    )


if __name__ == "__main__":
    main()
