"""Which scenes a region uses."""
