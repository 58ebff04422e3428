"""Long work: processes, checkpoints, and what results depend on.

Fits, comparisons and studies resume from checkpoints of this room. Campaigns resume from their
records (`train_benchmark.collecting`), searches from their history (`surrogate.search.history`),
tuning from its journal (`surrogate.tuning.journal`).
"""
