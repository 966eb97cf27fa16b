"""Windowed reads of rasters, retries, exact warping and resampling."""
