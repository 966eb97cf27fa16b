"""Errors that are shown to users as one sentence."""


class UserError(ValueError):
    """Wrong input. The message says what is wrong, which value, what is allowed and what to do. Exit code 2."""


class RunError(RuntimeError):
    """A run that failed although its input is right. Exit code 1."""


def first_line(error: BaseException) -> str:
    """What a library says of an error, or of its cause, in its first line; else the error's name."""
    return (str(error.__cause__ or error).splitlines() or [type(error).__name__])[0]
