"""Facts about a table: its size, its source, and the range of its labels."""

from typing import Any

import numpy as np

from train_benchmark.table.benchmark_table import LABELS, BenchmarkTable, label_of


def describe_table(table: BenchmarkTable) -> dict[str, Any]:
    """Size, seeds, source and settings of a table.

    Returns:
        Plain values; `labels` maps each label to its `min`, `median` and `max` over the measured
        rows and to its definition, `what`; `latency` maps each setting to its number of functions.
    """
    labels = {}
    for label in LABELS if table.measured else ():
        values = np.array([label_of(record, label) for record in table.measured])
        low, median, high = np.quantile(values, [0.0, 0.5, 1.0]).tolist()
        what = table.label_definitions[label]
        labels[label] = {"min": low, "median": median, "max": high, "what": what}
    return {
        "name": table.metadata.name,
        "rows": len(table),
        "rows_without_label": len(table) - len(table.measured),
        "functions": len(table.keys),
        "seeds": list(table.seeds),
        "recipe_hash": table.metadata.recipe_hash,
        "corpus_fingerprint": table.metadata.corpus_fingerprint,
        "semantics": table.metadata.semantics,
        "licence": table.metadata.licence,
        "created": table.metadata.created,
        "latency": {s: table.latency.counts(s) for s in table.latency.settings},
        "labels": labels,
    }
