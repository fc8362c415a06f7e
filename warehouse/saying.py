"""How the command line says things: words on standard error, JSON on output."""

import json
from collections.abc import Callable
from dataclasses import asdict

import click
from rich.console import Console
from rich.status import Status

from warehouse.errors import TesseraError
from warehouse.home import Home

console = Console(stderr=True, highlight=False)


def in_words(error: Exception) -> str:
    """Say what went wrong; of what nobody foresaw, at least its kind."""
    if isinstance(error, TesseraError):
        return str(error)
    if isinstance(error, OSError) and error.filename:
        return (
            f"{error.filename}: {error.strerror}. Tessera must be able to write to its "
            "home, and to read the inbox; the last good snapshot stands"
        )
    return (
        f"{type(error).__name__}: {error}\n"
        "This was not foreseen; the last good snapshot stands. "
        "`tessera -v ...` shows where it happened."
    )


def shown(status: Status) -> Callable[[str], None]:
    """Show progress in the status line of a terminal."""
    return lambda message: status.update(escaped(message))


def say_stage(result) -> None:
    """Print one line for a stage that ended, and one for each of its warnings."""
    message, *warnings = result.message.split("\n")
    console.print(
        f"[green]{result.stage:<8}[/green] {escaped(message)} "
        f"[dim]({result.seconds:.1f} s)[/dim]",
        soft_wrap=True,
    )
    for warning in warnings:
        console.print(f"[yellow]{escaped(warning)}[/yellow]", soft_wrap=True)


def say_where(home: Home) -> None:
    """Tell where readers find what was published."""
    for name, path in (
        ("snapshot", home.current),
        ("report", home.published / "report" / "index.html"),
        ("docs", home.published / "docs" / "index.html"),
    ):
        if path.exists():
            console.print(f"{name:<8} {escaped(str(path))}", soft_wrap=True)


def stage_as_json(result) -> dict:
    """Turn a stage's result into what JSON can hold."""
    content = asdict(result)
    content["seconds"] = round(result.seconds, 3)
    content["as_of"] = result.as_of.isoformat() if result.as_of else None
    return content


def print_json(content: dict) -> None:
    """Print one JSON object to standard output."""
    click.echo(json.dumps(content, default=str))


def escaped(text: str) -> str:
    """Keep square brackets of file names from being read as colours."""
    return text.replace("[", "\\[")
