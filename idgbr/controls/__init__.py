"""Other ways to refine a coarse map, measured in the same harness."""
