"""The crash matrix: kill anything of a run at any moment, and the same command ends with the same bytes."""
