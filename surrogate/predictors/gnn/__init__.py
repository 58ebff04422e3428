"""A graph network: trained with torch, evaluated with NumPy alone."""
