"""Grids, the extent of a region on a grid, footprints and area masks."""
