"""A model's map of a raster that is no part of a region."""
