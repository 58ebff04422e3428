"""A graph network: trained with torch, its predictions need NumPy alone."""
