"""Whether the ground changed between two dates of a map or of two rasters."""
