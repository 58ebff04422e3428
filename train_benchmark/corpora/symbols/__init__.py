"""Symbols of transcripts: phones, characters, label sets, and pronunciation of words."""
