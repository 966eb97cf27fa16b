"""Answers from a cube: aggregation, areas, point queries, differences between versions, pictures."""
