"""A run: schedule, queue, commits, workers, gates, report."""
