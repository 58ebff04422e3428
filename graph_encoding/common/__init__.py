"""Shared utilities: errors, registries, configuration files, atomic writes."""
