"""Gaussian processes, alone or as corrections of additive costs."""
