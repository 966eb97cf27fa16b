"""What a user can be told in one sentence."""


class UserError(ValueError):
    """A wrong input: what it is, which value, what is allowed, what to do. The command line exits with 2."""


class RunError(RuntimeError):
    """A run that could not end well, through no fault of its input. The command line exits with 1."""
