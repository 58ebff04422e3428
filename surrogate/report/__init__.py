"""A benchmark as one page of plots that opens without a network."""
