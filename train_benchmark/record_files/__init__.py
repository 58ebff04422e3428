"""Records as they lie on the disk: in Parquet files, and in folders that say what they hold."""
