"""What may be said with a question on the command line."""

from collections.abc import Callable

import click

_OPTIONS = (
    click.argument("question", metavar="SQL", required=False),
    click.option(
        "--file", "file", type=click.File(encoding="utf-8"), help="Of a file."
    ),
    click.option("--version", type=int, help="Of this snapshot. Default: the current."),
    click.option(
        "--timeout", type=click.IntRange(1), default=300, help="Seconds. [300]"
    ),
    click.option("--rows", type=click.IntRange(0), default=40, help="To show. [40]"),
    click.option("--csv", "as_csv", is_flag=True, help="Write all rows as CSV."),
)


def question_options(command: Callable) -> Callable:
    """Give a command a question, and how to answer it."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
