"""Tiled inference over images of any size."""
