"""The benchmark table: storage, queries, checks and exports."""
