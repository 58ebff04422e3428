"""The original's released files: reading, conversion, and the original's API."""
