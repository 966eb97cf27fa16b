"""The page of all verbs of the command, from typer."""

from typing import Any

import typer

HEADS = ["| argument or option | default | meaning |", "|---|---|---|"]


def commands_page(app: typer.Typer) -> str:
    """Raises ValueError for a verb, argument or option without help."""
    codes = "0 done, 1 failed, 2 wrong use, 3 held back by a gate, 75 held by another run, 130 and 143 interrupted"
    lines = ["# Commands", "", f"What `idgbr VERB --help` prints. Exit codes: {codes}.", ""]
    return "\n".join([*lines, *_verbs(typer.main.get_command(app), "idgbr")]) + "\n"


def _verbs(command: Any, name: str) -> list[str]:
    inner = getattr(command, "commands", None)
    if inner is not None:
        return [line for verb in sorted(inner) for line in _verbs(inner[verb], f"{name} {verb}")]
    if not command.help:
        raise ValueError(f"{name} has no help")
    return [f"## {name}", "", command.help, "", *HEADS, *(_row(name, each) for each in command.params), ""]


def _row(verb: str, parameter: Any) -> str:
    told = getattr(parameter, "help", None)
    if not told:
        raise ValueError(f"{parameter.name} of {verb} has no help")
    if parameter.param_type_name == "argument":
        names = f"`{parameter.metavar or parameter.name.upper()}`"
    else:
        names = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
    told = " ".join(told.split()).replace("|", r"\|")
    return f"| {names} | {'required' if parameter.required else _default(parameter)} | {told} |"


def _default(parameter: Any) -> str:
    value = parameter.opts[0] if parameter.default is True else parameter.default
    return "" if value in (None, False, ()) or callable(value) else f"`{value}`"
