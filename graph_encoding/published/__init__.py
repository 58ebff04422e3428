"""Identity and cost of cells as the original defines them."""
