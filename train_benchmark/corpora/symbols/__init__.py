"""The symbols of speech: phones, characters, sets of labels, and how words are pronounced."""
