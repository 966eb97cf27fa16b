"""Errors of pools; each message is one sentence for the user."""


class PoolError(ValueError):
    """The pool that was asked for cannot be had."""


class PoolLost(PoolError):
    """The cluster does not answer, has no free resources, or is gone: the same call may work later."""
