"""What every package uses: errors, registries, configuration files, atomic files."""
