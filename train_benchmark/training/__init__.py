"""Training and scoring of one cell with one seed."""
