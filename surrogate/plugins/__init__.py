"""Adapters for other tools: one module per tool, which imports the tool when it is used."""
