"""Ground truth: corpora, training of cells, records and the benchmark table."""
