"""The speech-recognition network around a cell."""
