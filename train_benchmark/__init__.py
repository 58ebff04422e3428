"""Ground truth: corpora, training of cells, their records and the benchmark table."""
