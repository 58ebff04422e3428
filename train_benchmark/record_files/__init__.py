"""Files of records: Parquet files, and folders with a description."""
