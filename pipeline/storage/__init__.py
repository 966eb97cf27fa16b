"""Where a cube's files lie, and the lease that keeps one run at a time on it."""
