"""Readers of corpus layouts: utterances, words and phones."""
