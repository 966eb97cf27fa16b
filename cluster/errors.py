class PoolError(ValueError):
    """A pool that cannot be had as asked for; the message is one sentence for the user."""


class PoolLost(PoolError):
    """A cluster that does not answer, has no room or is gone: the same call may work later."""
