"""Synthetic corpora in TIMIT's layout: sentences and voices."""
