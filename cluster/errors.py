class PoolError(ValueError):
    """A pool that cannot be had as asked for; the message is one sentence for the user."""
