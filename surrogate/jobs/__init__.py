"""Long work: processes, checkpoints, and what results depend on."""
