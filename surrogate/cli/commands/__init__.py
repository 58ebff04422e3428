"""The commands of `nasasr`, one module per command or group of commands."""
