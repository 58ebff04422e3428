"""Identity and cost of cells in the original benchmark."""
