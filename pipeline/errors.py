"""Errors that are shown to users as one sentence."""


class UserError(ValueError):
    """Wrong input. The message says what is wrong, which value, what is allowed and what to do. Exit code 2."""


class NoScenes(UserError):
    """An area and period whose scenes are not there yet, or cannot be used: the same run may do later."""


class RunError(RuntimeError):
    """A run that failed although its input is right. Exit code 1."""


class RunHeld(RunError):
    """A run that is mapped whole, and that a gate kept from being published. Exit code 3.

    gates: value of each gate, as far as they were reached.
    """

    def __init__(self, message: str, gates: dict[str, float | None] | None = None) -> None:
        super().__init__(message)
        self.gates = gates


def first_line(error: BaseException) -> str:
    """What a library says of an error, or of its cause, in its first line; else the error's name."""
    return (str(error.__cause__ or error).splitlines() or [type(error).__name__])[0]
