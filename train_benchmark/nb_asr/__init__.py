"""The original's released files: reading, converting, querying as the original does."""
