"""The command line: argument parsing and nothing else."""

import asyncio
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from app.errors import TetrastashError
from app.settings import FILE, PREFIX, Settings, choices, read_settings, secrets
from app.stdout import until_closed

if TYPE_CHECKING:
    from app.rejected.letters import Wanted

Form = Literal["compact", "json"]
Choice = Literal["always", "auto", "never"]
Role = Literal["documents", "events", "rejected"]
Begin = Literal["beginning", "end"]

_output = click.option(
    "-o", "--output", type=click.Choice(["json", "compact"]), default="json", show_default=True,
    help="Whole, or a line each for people.",
)  # fmt: skip
_color = click.option(
    "--color", type=click.Choice(["always", "auto", "never"]), default="auto", show_default=True,
    help="auto: on a terminal, without NO_COLOR.",
)  # fmt: skip


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tetrastash")
def main() -> None:
    """Tetragon's events into Elasticsearch: every one, once, with its process tree.

    Settings come from the environment: `tetrastash settings` lists them.
    """


@main.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--once", is_flag=True, help="Read to the present end of every file, and exit.")
def ship(paths: tuple[str, ...], once: bool) -> None:
    """Follow Tetragon's log files, by name or glob, and send their lines to Kafka."""
    settings = _settings()
    from app.ship.shipper import ship as run

    sys.exit(_told(lambda: asyncio.run(run(settings, paths, once=once))))


@main.command()
@click.option("--only", type=click.Choice(["enrich", "index"]), help="Run one of the two stages.")
def work(only: Literal["enrich", "index"] | None) -> None:
    """Enrich what Kafka holds, and index it into Elasticsearch."""
    settings = _settings()
    from app.stream.work import work as run

    sys.exit(_told(lambda: asyncio.run(run(settings, only))))


@main.command()
@click.argument("files", nargs=-1, type=click.Path(readable=False))
@click.option("--rejected", type=click.Path(), help="Write rejections to this file instead of stderr.")
@click.option(
    "--drops",
    type=click.Path(path_type=Path),
    help="Leave out what these rules say; a file as TETRASTASH_DROPS names one.",
)
@click.option("--explain-drops", is_flag=True, help="Tell of each line that is left out, as JSON on stderr.")
@_output
@_color
def enrich(
    files: tuple[str, ...], rejected: str | None, drops: Path | None, explain_drops: bool, output: Form, color: Choice
) -> None:
    """Turn Tetragon's lines, of FILES or else stdin, into documents on stdout.

    Needs no Kafka, no Elasticsearch and no settings.
    """
    settings = _settings()
    if drops is not None:
        settings = settings.model_copy(update={"drops": drops})
    from app.enrich.filter import run
    from app.read.output import documents_as

    present = documents_as(output, color)
    sys.exit(
        _told(lambda: run(files, rejected=rejected, settings=settings, explain_drops=explain_drops, present=present))
    )


@main.command()
@click.argument("topic", type=click.Choice(["events", "documents", "rejected"]))
@click.option(
    "--from", "begin", type=click.Choice(["beginning", "end"]), default="end", show_default=True,
    help="Begin with what Kafka still holds, or with what comes now.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="Exit after so many.")
@click.option(
    "--where", multiple=True, metavar="CONDITION", help="FIELD, FIELD=VALUE, with *, !=, > or <; all must hold."
)
@click.option("--key", metavar="NODE", help="Of this node alone, as NODE or CLUSTER/NODE.")
@_output
@_color
def tap(
    topic: Role, begin: Begin, limit: int | None, where: tuple[str, ...], key: str | None, output: Form, color: Choice
) -> None:
    """Show what goes through one of the topics, until Ctrl-C.

    It joins no group and moves no offset. Conditions are about documents (--where process.executable=/tmp/* --where
    'tetragon.fim.severity>2'): an event is asked as the one that it becomes without agents, a dead letter as it is.
    """
    settings = _settings()
    from app.read.output import look
    from app.read.taken import Wanted
    from app.read.tap import tap as run
    from app.read.where import read_condition

    def command() -> int:
        wanted = Wanted([read_condition(each) for each in where], key)
        return asyncio.run(run(settings, topic, begin, wanted, look(output, color), limit))

    sys.exit(_told(command))


@main.command()
@click.argument("exec_id")
@click.option("--documents", type=click.Path(), help="Read this file, as `enrich` prints it, or - for stdin.")
@_color
def tree(exec_id: str, documents: str | None, color: Choice) -> None:
    """Show a process with its ancestors and its descendants.

    EXEC_ID is Tetragon's, process.entity_id of documents; they come from Elasticsearch, or from a file.
    """
    settings = _settings()
    from app.read.family import from_documents, from_elasticsearch

    if documents is not None:
        sys.exit(_told(lambda: from_documents(documents, exec_id, color)))
    sys.exit(_told(lambda: asyncio.run(from_elasticsearch(settings, exec_id, color))))


@main.group()
def rejected() -> None:
    """Dead letters: what could not become a document."""


def _chosen(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which."""
    for option in (
        click.option("--stage", type=click.Choice(["decode", "enrich", "index"]), help="Where it failed."),
        click.option("--reason", metavar="TEXT", help="Some text of the reason, in any case."),
        click.option("--key", "node", metavar="NODE", help="Of this node alone, as NODE or CLUSTER/NODE."),
        click.option("--replayed", is_flag=True, help="Those that were sent back, and did not fail again until now."),
    ):
        command = option(command)
    return command


_DASHES = {"ignore_unknown_options": True}  # the id of a line without a time begins with them
_ids = click.argument("ids", nargs=-1)
_all = click.option("--all", "everything", is_flag=True, help="All that the other options choose.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@rejected.command("list")
@_chosen
@click.option("--json", "as_json", is_flag=True, help="One JSON document a line.")
def list_letters(as_json: bool, **chosen: Any) -> None:
    """The letters, the latest last, a line each."""
    settings = _settings()
    from app.rejected import commands
    from app.rejected.letters import Wanted

    sys.exit(_told(lambda: commands.list_letters(settings, Wanted(**chosen), as_json=as_json)))


@rejected.command("show", context_settings=_DASHES)
@click.argument("id_", metavar="ID")
@click.option("--raw", is_flag=True, help="The original's bytes alone, into a file or a pipe.")
def show_letter(id_: str, raw: bool) -> None:
    """All of one letter."""
    settings = _settings()
    from app.rejected import commands

    sys.exit(_told(lambda: commands.show_letter(settings, id_, raw=raw)))


@rejected.command("replay", context_settings=_DASHES)
@_ids
@_all
@_chosen
@_yes
def replay_letters(ids: tuple[str, ...], everything: bool, yes: bool, **chosen: Any) -> None:
    """Send letters back to where they failed, after the reason was mended.

    As often as you like: nothing is stored twice, and what fails again is the same letter.
    """
    settings, wanted = _settings(), _meant(ids, everything, chosen)
    from app.rejected import commands

    sys.exit(_told(lambda: commands.replay_letters(settings, wanted, sure=yes)))


@rejected.command("drop", context_settings=_DASHES)
@_ids
@_all
@_chosen
@_yes
def drop_letters(ids: tuple[str, ...], everything: bool, yes: bool, **chosen: Any) -> None:
    """Delete letters for good."""
    settings, wanted = _settings(), _meant(ids, everything, chosen)
    from app.rejected import commands

    sys.exit(_told(lambda: commands.drop_letters(settings, wanted, sure=yes)))


def _meant(ids: tuple[str, ...], everything: bool, chosen: dict[str, Any]) -> "Wanted":
    from app.rejected.letters import Wanted

    if not ids and not everything and not any(chosen.values()):
        raise click.UsageError("Expected IDs, an option that chooses, or --all.")
    return Wanted(ids, **chosen)


@main.command()
@click.option("--since", "begin", metavar="TIME", default="24h", show_default=True, help="90s, 15m, 6h, 7d, or all.")
@click.option("--every", is_flag=True, help="All minutes, not only those that do not add up.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, with all minutes.")
def ledger(begin: str, every: bool, as_json: bool) -> None:
    """Show by node and minute what was read, made, stored, left out and lost; exit status 1 if it does not add up.

    It reads the topics and asks Elasticsearch, and changes nothing.
    """
    settings = _settings()
    from app.ledger.commands import ledger as run
    from app.ledger.since import since

    sys.exit(_told(lambda: asyncio.run(run(settings, since(begin), every=every, as_json=as_json))))


@main.command()
def setup() -> None:
    """Make the topics and the index template, or check those that are there."""
    settings = _settings()
    from app.setup import setup as run

    sys.exit(_told(lambda: asyncio.run(run(settings))))


@main.command()
@click.argument("paths", nargs=-1)
@click.option("--only", type=click.Choice(["ship", "work"]), help="Look only at what this command needs.")
@click.option("--policies", multiple=True, metavar="PATH", help="A file or folder of TracingPolicies to look at, too.")
@click.option("--offline", is_flag=True, help="Leave out Kafka and Elasticsearch.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of lines.")
def check(
    paths: tuple[str, ...],
    only: Literal["ship", "work"] | None,
    policies: tuple[str, ...],
    offline: bool,
    as_json: bool,
) -> None:
    """Tell what would go wrong, and what the logs at PATHS lack; exit status 1 if something would.

    Changes nothing. Without PATHS Tetragon's own log is looked at, if it is there.
    """
    from app.check.check import Wanted
    from app.check.check import check as run

    commands: frozenset[Literal["ship", "work"]] = frozenset(("ship", "work")) if only is None else frozenset((only,))
    sys.exit(_told(lambda: run(Wanted(paths, policies, commands, offline), as_json=as_json)))


@main.command()
def settings() -> None:
    """List every setting, its default and its meaning."""
    sys.exit(_told(_list_settings))


def _list_settings() -> int:
    with until_closed():
        for name, field in Settings.model_fields.items():
            default = "" if field.default in (None, ()) else str(field.default)
            meaning = "; ".join([str(field.description), *choices(name)])
            click.echo(f"{PREFIX}{name.upper()}={default}\n    {meaning}")
            if name in secrets():
                click.echo(f"    or {PREFIX}{name.upper()}{FILE}: a file that holds it")
    return 0


def _settings() -> Settings:
    try:
        read = read_settings()
    except TetrastashError as error:
        sys.exit(f"tetrastash: {error}")
    logging.basicConfig(
        level=read.log_level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    return read


def _told(command: Callable[[], int]) -> int:
    """The exit status; an error that a person can mend is told in one sentence, without a traceback."""
    try:
        return command()
    except TetrastashError as error:
        click.echo(f"tetrastash: {error}", err=True)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    main()
