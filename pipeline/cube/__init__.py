"""The cube: an Icechunk repository with its arrays, records, versions and tags."""
