"""The benchmark table: storage, queries, checks, exports."""
