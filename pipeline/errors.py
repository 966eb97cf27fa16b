"""Errors that are shown to users as one sentence."""


class UserError(ValueError):
    """Wrong input. The message says what is wrong, which value, what is allowed and what to do. Exit code 2."""


class RunError(RuntimeError):
    """A run that failed although its input is right. Exit code 1."""
