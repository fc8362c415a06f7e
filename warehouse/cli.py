"""The command line: words, colours and exit codes; the work is done elsewhere."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial, wraps
from pathlib import Path

import click

from warehouse import __version__
from warehouse.errors import TesseraError
from warehouse.home import Home
from warehouse.question_options import question_options
from warehouse.saying import (
    console,
    escaped,
    in_words,
    print_json,
    say_stage,
    say_where,
    shown,
    stage_as_json,
)
from warehouse.stopping import stopping_at_once


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tessera")
@click.option("-v", "--verbose", is_flag=True, help="Show tracebacks of failures.")
def main(verbose: bool) -> None:
    """Raw event dumps in, published segments and personas out.

    Exit status: 0 done; 1 a stage, test or gate failed (the last good snapshot
    stands); 2 wrong usage or configuration; 3 the warehouse is busy; 130 or 143
    stopped by Ctrl-C or SIGTERM.
    """
    logging.basicConfig(level=logging.DEBUG if verbose else logging.WARNING)
    context = click.get_current_context()
    context.obj = {"verbose": verbose}
    context.with_resource(stopping_at_once())


def _at_home(command: Callable, *, may_make: bool = False) -> Callable:
    """Give a command its home, and turn our errors into words and exit codes.

    A home that is not there is an error, but for a command that `may_make` one.
    """

    @click.option(
        "--home",
        type=click.Path(path_type=Path),
        help="Where everything lies. Default: $TESSERA_HOME, else ./data.",
    )
    @click.option(
        "--inbox",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="The dumps. Default: `inbox` in the home.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    @click.pass_context
    @wraps(command)
    def wrapped(context, /, *, home, inbox, as_json, **options):
        try:
            found = Home.at(home, inbox)
            if not may_make:
                found.refuse_missing()
            answer = command(found, as_json=as_json, **options)
        except BrokenPipeError:  # whoever read the answer has enough of it
            raise
        except Exception as error:
            if as_json:
                print_json({"status": "failed", "error": in_words(error)})
            words = f"[red]tessera: {escaped(in_words(error))}[/red]"
            console.print(words, soft_wrap=True)
            if context.obj["verbose"]:
                console.print_exception()
            context.exit(getattr(error, "exit_code", TesseraError.exit_code))
        if as_json and answer is not None:
            print_json({"status": "done", **answer})

    return wrapped


_as_of = click.option(
    "--as-of",
    "as_of",
    metavar="DATE",
    callback=lambda _context, _option, value: parse_as_of(value),
    help="Only what happened before counts: a date or a timestamp (UTC). "
    "Default: the midnight after the last event or order.",
)
_full_refresh = click.option(
    "--full-refresh", is_flag=True, help="Build everything from the raw tables again."
)


_accept = click.option(
    "--accept",
    "accepted",
    metavar="CHECK",
    multiple=True,
    help="Publish although this check fails; may be repeated. Needs --reason.",
)
_reason = click.option(
    "--reason",
    metavar="TEXT",
    default="",
    help="Why what --accept names is as it should be; it is published in ops.checks.",
)


def parse_as_of(value: str | None) -> datetime | None:
    """Read a date or a timestamp; one with an offset is turned into UTC.

    Raises
    ------
    click.BadParameter
        If it is neither.
    """
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is no date or timestamp such as 2026-01-31 or 2026-01-31T06:00"
        ) from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.replace(microsecond=0)


@main.command()
@_as_of
@_full_refresh
@_accept
@_reason
@partial(_at_home, may_make=True)
def run(
    home: Home,
    *,
    as_json: bool,
    as_of: datetime | None,
    full_refresh: bool,
    accepted: tuple[str, ...],
    reason: str,
):
    """Load, build, segment and publish, in one process."""
    from warehouse import alerting, snapshots, stages
    from warehouse.checks import Acceptance

    with alerting.alerted(home, "tessera run"), console.status("starting") as status:
        results = stages.run(
            home,
            as_of=as_of,
            full_refresh=full_refresh,
            acceptance=Acceptance(accepted, reason) if accepted or reason else None,
            progress=shown(status),
            on_stage=partial(_tell_stage, home, "run"),
        )
    if len(results) == 1:
        console.print("nothing new: the current snapshot stands")
    if not as_json:
        say_where(home)
    return {
        "stages": [stage_as_json(result) for result in results],
        "snapshot_version": snapshots.current_version(home),
    }


def _tell_stage(home: Home, command: str, result) -> None:
    """Say what a stage did, and warn of what nobody was told of before."""
    from warehouse import alerting

    say_stage(result)
    alerting.warn(home, result, where=f"tessera {command}")


def _run_stage(name: str, home: Home, *, as_json: bool, **chosen) -> dict | None:
    """Run one stage, and say what it did."""
    from warehouse import stages

    with console.status(name) as status:
        result = getattr(stages, name)(home, progress=shown(status), **chosen)
    _tell_stage(home, name, result)
    return stage_as_json(result) if as_json else None


def _stage_command(name: str, help_text: str, *options: Callable) -> None:
    """Add one stage as a command of its own."""

    def command(home: Home, *, as_json: bool, **chosen):
        return _run_stage(name, home, as_json=as_json, **chosen)

    wrapped = _at_home(command)
    for option in options:
        wrapped = option(wrapped)
    main.command(name, help=help_text)(wrapped)


@main.command()
@click.option(
    "--check",
    "dump",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Load nothing; say what would come of this dump, and print a source.yml.",
)
@partial(_at_home, may_make=True)
def load(home: Home, *, as_json: bool, dump: Path | None):
    """Load what is new in the inbox.

    With --check DUMP nothing is loaded or written: it says which adapter fits a new
    dump, how each field would be mapped, and what would be refused, and prints a
    source.yml to start from. One that lies beside the dump is what is checked.
    """
    if dump is None:
        return _run_stage("load", home, as_json=as_json)
    from warehouse.checking import check_dump
    from warehouse.framing import utc_now

    found = check_dump(dump, utc_now())
    console.print(escaped(found.in_words()), soft_wrap=True)
    if not as_json:
        click.echo(found.source_yml, nl=False)
    return found.as_json() if as_json else None


_stage_command(
    "build", "Build and test the models, up to the features.", _as_of, _full_refresh
)
_stage_command(
    "segment",
    "Assign every person to a segment; describe segments and personas.",
    click.option("--train", is_flag=True, help="Fit the model anew."),
)


@main.command()
@_accept
@_reason
@_at_home
def publish(home: Home, *, as_json: bool, accepted: tuple[str, ...], reason: str):
    """Check the build and let readers see it.

    What a check forbids is not published: the last good snapshot stands. Where its
    finding is as it should be, --accept CHECK --reason TEXT publishes it all the same.
    """
    from warehouse.checks import Acceptance

    acceptance = Acceptance(accepted, reason) if accepted or reason else None
    return _run_stage("publish", home, as_json=as_json, acceptance=acceptance)


@main.command()
@_at_home
def status(home: Home, *, as_json: bool):
    """Tell of the last runs, the files, the current snapshot and the lock."""
    from warehouse.status import read_status, status_in_words

    found = read_status(home)
    if not as_json:
        click.echo(status_in_words(found))
    return found


@main.command()
@question_options
@_at_home
def query(home: Home, *, as_json: bool, **asked):
    """Ask the current snapshot one question in SQL, from SQL, --file or standard input.

    It can only read, and only the snapshot: no file, no network, no extension. No
    writer is waited for or held up. In CSV, a text that begins as a formula does (= + -
    @, a tab, a new line) gets an apostrophe before it, as spreadsheets would run it.
    """
    from warehouse.answers import answer_question

    answer_question(home, as_json=as_json, **asked)


@main.command()
@click.argument("identifier")
@_at_home
def explain(home: Home, *, as_json: bool, identifier: str):
    """Tell why a person is who they are: every link, in words.

    IDENTIFIER is a user_id (with its namespace, as app:1), an anonymous id, an address,
    a number (from its + on; without, it is of phone_region in settings.yml), or the
    hash of one, as marts.user_identifiers has it. What is told is of the current
    snapshot; of what joins nobody, it is why.
    """
    from warehouse.explain import explain as explain_person

    found = explain_person(home, identifier)
    if not as_json:
        click.echo(found.in_words())
    return found.as_json()


@main.command()
@click.argument("version", type=int, required=False)
@_at_home
def rollback(home: Home, *, as_json: bool, version: int | None):
    """Point `current` at an earlier good snapshot (by default, the one before)."""
    from warehouse import upkeep

    chosen = upkeep.roll_back(home, version)
    console.print(
        f"current is now snapshot {chosen}; the next run that finds anything new "
        "publishes again"
    )
    return {"snapshot_version": chosen} if as_json else None


@main.group()
def quarantine() -> None:
    """Show what was refused while loading, and why."""


@quarantine.command("list")
@_at_home
def quarantine_list(home: Home, *, as_json: bool):
    """List refused lines by source and reason, with one example each."""
    from warehouse.connection import open_work
    from warehouse.home import writer_lock
    from warehouse.quarantine import list_quarantine
    from warehouse.raw_tables import create_tables

    with writer_lock(home), open_work(home) as connection:
        create_tables(connection)
        found = list_quarantine(connection, home)
    if not as_json:
        for group in found:
            click.echo(
                f"{group['source']}  {group['reason']}  {group['n_lines']:,} lines, "
                f"such as {group['file']}:{group['line_number']}  {group['example']}"
            )
        if not found:
            console.print("nothing is in quarantine")
    return {"quarantine": found}


@quarantine.command("replay")
@click.option("--source", help="Of this source alone. Default: of all.")
@_at_home
def quarantine_replay(home: Home, *, as_json: bool, source: str | None):
    """Load refused lines again, after source.yml was mended.

    Lines that are good now join the file that they came with. Files that were refused
    whole need no replay: every load tries them again.
    """
    from warehouse import upkeep

    summary = upkeep.replay(home, only=source)
    console.print(escaped(summary.in_words()), soft_wrap=True)
    if summary.n_accepted:
        console.print("`tessera run` publishes them")
    return asdict(summary) if as_json else None


@main.command()
@_at_home
def rekey(home: Home, *, as_json: bool):
    """Make new keys for what can be contacted and for the vault.

    Every hash of an address, a phone number or an IP address changes; no user_id does.
    May be interrupted: the keys there were serve until all is done.
    """
    from warehouse.rekeying import rekey

    done = rekey(home)
    console.print(
        f"{done.n_values:,} values are hashed with a new key, {done.n_rows:,} times; "
        f"back up {escaped(str(home.secrets))} again; `tessera run` publishes them",
        soft_wrap=True,
    )
    return asdict(done) if as_json else None


@main.command()
@_at_home
def docs(home: Home, *, as_json: bool):
    """Write the dbt docs of the last build as one page."""
    from warehouse import upkeep

    page = upkeep.write_docs(home)
    console.print(f"docs: {page}")
    return {"docs": str(page)} if as_json else None


if __name__ == "__main__":
    main()
