"""The region file."""
