"""Mistakes a user can make, each told in one sentence."""


class CheckpointError(ValueError):
    """A model folder that cannot be used."""


class InputError(ValueError):
    """An array, class table or setting that does not fit."""
