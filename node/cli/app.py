"""The command `symbolon`: its commands, its global options, and what becomes of what they raise."""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from node import __version__
from node.cli import (
    agreement_commands,
    ask_command,
    audit_commands,
    case_commands,
    database_commands,
    document_commands,
    evidence_commands,
    follow_commands,
    holder_commands,
    join_command,
    journal_commands,
    key_commands,
    node_commands,
    proof_commands,
    registry_commands,
    renewal_commands,
    share_commands,
    trust_commands,
)
from node.cli.context import Caller, add, example
from node.cli.demo import demo
from node.cli.output import INTERRUPTED, PIPE_CLOSED, refuse
from node.errors import Code, Refusal

_HELP: Final = """Verify trade qualifications across borders: sealed questions, sealed answers.

Every answer is in the journals of both nodes, and can be proved from a receipt years later.
"""
_EXIT_STATUS: Final = (
    "[dim]Exit status:[/dim] 0 done, PASS or confirmed · 1 a no, or FAIL · 2 wrong usage or "
    "malformed input · 3 refused · 4 not now, still open or INDETERMINATE · 5 defect · "
    "130 interrupted"
)

app: Final = typer.Typer(
    name="symbolon",
    help=_HELP,
    epilog=f"{example('symbolon demo --once')}\n\n{_EXIT_STATUS}",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"symbolon {__version__}\n")
        raise typer.Exit


@app.callback()
def _before(
    context: typer.Context,
    data: Annotated[
        Path,
        typer.Option("--data", envvar="SYMBOLON_DATA", help="Directory of the node's data."),
    ] = Path("symbolon-data"),
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log more; show where a defect happened.")
    ] = False,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    context.obj = Caller(data, verbose=verbose)


node_commands.register(app)
join_command.register(app)
renewal_commands.register(app)
trust_commands.register(app)
agreement_commands.register(app)
registry_commands.register(app)
share_commands.register(app)
holder_commands.register(app)
key_commands.register(app)
ask_command.register(app)
follow_commands.register(app)
proof_commands.register(app)
audit_commands.register(app)
evidence_commands.register(app)
case_commands.register(app)
journal_commands.register(app)
database_commands.register(app)
document_commands.register(app)
add(app, "demo", demo, "symbolon demo --once")


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit status; nothing but that leaves it."""
    as_json = "--json" in arguments
    try:
        status = app(args=list(arguments), prog_name="symbolon", standalone_mode=False)
        sys.stdout.flush()
    except Refusal as refusal:
        if _is_verbose(arguments):
            traceback.print_exc()
        return refuse(refusal, as_json=as_json)
    except typer.TyperException as error:
        return _usage(error, as_json=as_json)
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):  # typer makes the second of the first
        # Nobody reads on; what is still buffered would fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        return refuse(Refusal(Code.STALE, f"{where}{error.strerror or error}"), as_json=as_json)
    except Exception as error:  # noqa: BLE001 - its message is withheld: it may name a person
        if _is_verbose(arguments):
            traceback.print_exc()
        return refuse(_defect(error), as_json=as_json)
    return status if isinstance(status, int) else 0


def _usage(error: typer.TyperException, *, as_json: bool) -> int:
    reason = error.format_message()
    if not reason:  # the help was shown instead of a complaint
        return error.exit_code
    context = getattr(error, "ctx", None)
    where = "symbolon" if context is None else context.command_path
    reason = f"{reason.rstrip('.')}; '{where} --help' shows how"
    return refuse(Refusal(Code.MALFORMED, reason), as_json=as_json)


def _defect(error: Exception) -> Refusal:
    return Refusal(
        Code.DEFECT,
        f"something went wrong inside ({type(error).__name__}); 'symbolon --verbose …' shows where",
    )


def _is_verbose(arguments: Sequence[str]) -> bool:
    return "--verbose" in arguments or "-v" in arguments
