"""The scenes of a region: search, selection, reflectance offsets, passes, coverage."""
