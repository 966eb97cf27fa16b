"""Whether the ground changed: between two dates, and which blocks an update therefore lets keep their map."""
