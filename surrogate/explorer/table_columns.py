"""Measurements of a table as columns of the page."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from graph_encoding.cost import macs_of_form, params_of_form
from graph_encoding.functional_identity import functional_form
from surrogate.explorer.columns import MISSING, PER_DIGITS, Digits
from surrogate.explorer.standard_space import StandardSpace
from surrogate.fitting.fit_artifact import macro_of_table
from train_benchmark.labels import LABELS

if TYPE_CHECKING:
    from train_benchmark.table.benchmark_table import BenchmarkTable

Columns = dict[str, NDArray[Any]]


def cost_columns(table: "BenchmarkTable", space: StandardSpace) -> Columns:
    """Exact parameters and MACs of one second of speech, of the table's macro network."""
    macro = macro_of_table(table)
    frames = round(1 / macro.frame_shift_s)
    forms = [functional_form(cell, space.semantics) for cell in space.cells]
    params = {form.ops: params_of_form(form, macro) for form in forms}
    macs = {form.ops: macs_of_form(form, macro, input_frames=frames) for form in forms}
    return {
        "params": np.array([params[form.ops] for form in forms], dtype=np.float64),
        "macs": np.array([macs[form.ops] for form in forms], dtype=np.float64),
    }


def measured_columns(table: "BenchmarkTable", space: StandardSpace) -> Columns:
    """Labels and learning curves of the table's trainings of functions of the space.

    Returns:
        `measured/LABEL`, (n,) means over seeds, as `Benchmark.query` has them; `seeds`, (n,) their
        number; and of m trainings `rows/function`, `rows/seed`, `rows/LABEL`, and the (epochs, m)
        `rows/curve`, padded with missing values.
    """
    index = {key: i for i, key in enumerate(space.keys)}
    rows = [row for row in table.measured if row.functional_key in index]
    labels = {label: _labels(table, space, label) for label in LABELS}
    epochs = max((len(row.val_per_curve) for row in rows), default=0)
    curves = np.full((epochs, len(rows)), MISSING, dtype=np.int64)
    for i, row in enumerate(rows):
        curves[: len(row.val_per_curve), i] = PER_DIGITS.column(row.val_per_curve)
    found: Columns = {
        "rows/function": np.array([index[row.functional_key] for row in rows], dtype=np.int64),
        "rows/seed": np.array([row.seed for row in rows], dtype=np.int64),
        "rows/curve": curves,
        "seeds": np.array([len(by_seed) for by_seed in labels[LABELS[0]]], dtype=np.int64),
    }
    for label, by_function in labels.items():
        means = (
            float(np.mean(list(values.values()))) if values else None for values in by_function
        )
        found[f"measured/{label}"] = PER_DIGITS.column(means)
        of_row = (by_function[index[row.functional_key]].get(row.seed) for row in rows)
        found[f"rows/{label}"] = PER_DIGITS.column(of_row)
    return found


def _labels(table: "BenchmarkTable", space: StandardSpace, label: str) -> list[dict[int, float]]:
    return [table.labels_of(key, label) for key in space.keys]


def latency_columns(
    table: "BenchmarkTable", space: StandardSpace, setting: str, digits: Digits
) -> NDArray[np.int64]:
    """(n,) measured latencies of a setting on its only device, in shown milliseconds."""
    seconds = table.latency.seconds(setting)
    return digits.column(seconds.get(key) for key in space.keys)
