"""Training of one cell with one seed, and its scores."""
