"""Synthetic corpora: sentences, voices, and what is written of both in TIMIT's layout."""
