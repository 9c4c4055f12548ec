"""`init` makes a node, `serve` runs it."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from node.cli.context import Json, add, caller, fingerprint, read_root, settings_of
from node.cli.output import give, pairs, print_json
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.model.trust import NodeFile
    from node.settings import Settings

GRPC_DEFAULT: Final = "127.0.0.1:7471"
HTTP_DEFAULT: Final = "127.0.0.1:7472"
NODE_FILE: Final = "node.json"
_ANY_HOST: Final = frozenset({"0.0.0.0", "[::]", "::", ""})  # noqa: S104 - named, not bound
_OURS: Final = (
    "journal.high-water",
    "keys",
    "node.db",
    "node.db-wal",
    "node.db-shm",
    "root.json",
    NODE_FILE,
    "symbolon.toml",
)
_SETTINGS: Final = """\
# Settings of a Symbolon node. Unknown keys refuse to start. Paths are relative to this file.

[node]
id = {id}
authority = {authority}
# Name of the journal; in every signature, so it never changes.
origin = {origin}

[listen]
# Peers come in here, over mutual TLS.
grpc = {grpc}
# Employers come in here. Plain HTTP: put a TLS proxy before it, or keep it on this machine.
http = {http}
# What peers dial; stands in node.json and in the trust list.
endpoint = {endpoint}

[store]
# A file beside this one, or postgresql://user@host/database?passfile=FILE
database = {database}
keys = "keys"

[seals]
# Whether checkpoints carry an ML-DSA-44 signature beside Ed25519; the federation may require it.
ml_dsa_44 = {ml_dsa_44}

[trust]
# The federation's root, which was confirmed by its fingerprint; all trust begins there.
root = "root.json"
# This node's copy of the trust list, and where newer ones come from: https://host/path,
# a directory, or peer:XB for a node on the list. Without mirrors somebody puts the copy there.
directory = "trust"
mirrors = {mirrors}

# More tables, with their defaults: [exchange], [quota], [schedule]. See docs/operator.md.
"""

_Origin = Annotated[
    str,
    typer.Option(
        help="Name of the journal; begins with the node's id in small letters and a dot.",
        show_default="xa.symbolon/journal",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    add(
        app,
        "init",
        init,
        'symbolon --data xa init --node XA --authority "Aurelian Skills Authority" '
        "--root root.json --mirror https://federation.example/trust",
    )
    add(app, "serve", serve, "symbolon --data xa serve")


def init(
    context: typer.Context,
    *,
    node: Annotated[str, typer.Option(help="Id of the node: the country's letters, like XA.")],
    authority: Annotated[str, typer.Option(help="Name of the credential authority.")],
    root: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="The federation's root (root.json).")
    ],
    grpc: Annotated[str, typer.Option(help="host:port where peers come in.")] = GRPC_DEFAULT,
    http: Annotated[str, typer.Option(help="host:port where employers come in.")] = HTTP_DEFAULT,
    endpoint: Annotated[
        str, typer.Option(help="host:port that peers dial.", show_default="as --grpc")
    ] = "",
    origin: _Origin = "",
    mirror: Annotated[
        list[str] | None,
        typer.Option(help="Where trust lists come from; may be given more than once."),
    ] = None,
    database: Annotated[
        str, typer.Option(help="File in the data directory, or URL of a PostgreSQL database.")
    ] = "node.db",
    no_post_quantum: Annotated[
        bool, typer.Option("--no-post-quantum", help="Sign checkpoints without ML-DSA-44.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a node: its keys, an empty journal, its settings and its description.

    The root is where all trust begins: compare the fingerprint that is shown with the one that
    the federation tells you by other means. Where anything fails, nothing stays behind.
    """
    from node import settings as knobs
    from node.model.bounds import text

    data = caller(context).data
    root_metadata = read_root(root)
    digest = fingerprint(root_metadata)
    text(authority, "--authority", 200)
    settings = knobs.Settings(
        node=knobs.NodeSettings(node, authority, origin or f"{node.lower()}.symbolon/journal"),
        listen=knobs.ListenSettings(grpc, http, endpoint or grpc),
        store=knobs.StoreSettings(database),
        seals=knobs.SealSettings(not no_post_quantum),
        trust=knobs.TrustSettings(mirrors=tuple(mirror or ())),
    )
    notes = _look_at_addresses(settings, given=bool(endpoint))
    description = _make(data, settings, root_metadata)
    content = {
        "node": node,
        "data": str(data),
        "description": str(data / NODE_FILE),
        "origin": settings.node.origin,
        "endpoint": settings.listen.endpoint,
        "journal_keys": [entry.verifier for entry in description.journal.keys],
        "root_fingerprint": digest.replace(" ", ""),
        "notes": notes,
    }

    give(as_json, content, lambda console: _show_made(console, data, settings, digest, notes))


def serve(context: typer.Context, as_json: Json = False) -> None:
    """Run the node until it is told to stop (SIGTERM, SIGINT or Ctrl-C).

    A stop takes no new work and lets what is under way end. With --json one line says when the
    doors are open, and at which ports.
    """
    data, settings = settings_of(context)
    from node.cli.logs import set_up_logs

    set_up_logs("debug" if caller(context).verbose else "info")
    import uvloop

    uvloop.run(_serve(data, settings, as_json=as_json))


async def _serve(data: Path, settings: "Settings", *, as_json: bool) -> None:
    import asyncio
    import signal

    from node.assembly import running_node, tune_process

    tune_process()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running_node(data, settings) as running:
        if as_json:
            print_json(
                {
                    "event": "ready",
                    "node": settings.node.id,
                    "grpc_port": running.grpc_port,
                    "http_port": running.http_port,
                }
            )
        else:
            _show_doors(settings, running.grpc_port, running.http_port)
        await stop.wait()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)  # the second time ends at once


def _show_made(
    console: "Console", data: Path, settings: "Settings", digest: str, notes: Sequence[str]
) -> None:
    console.print(f"[bold green]✓[/] Node [bold]{settings.node.id}[/] is made in ", end="")
    console.print(str(data), markup=False)
    rows: list[tuple[str, object]] = [
        ("Authority", settings.node.authority),
        ("Journal", settings.node.origin),
        ("Peers dial", settings.listen.endpoint),
        ("Employers", f"http://{settings.listen.http}"),
        ("Root", "its fingerprint is"),
        ("", digest),
    ]
    console.print(pairs(rows))
    console.print("\n[bold]What to do next[/]")
    steps = [
        "Compare the fingerprint with the one that the federation tells you by other means.",
        f"symbolon --data {data} join --out {settings.node.id.lower()}.join.json",
        "Hand that file to your country's officers, who sign it into the trust list.",
        f"symbolon --data {data} serve",
    ]
    for number, step in enumerate(steps, 1):
        console.print(f"  {number}. {step}", markup=False)
    for note in notes:
        console.print("\n[yellow]Note:[/] ", end="")
        console.print(note, markup=False)


def _show_doors(settings: "Settings", grpc_port: int, http_port: int) -> None:
    def show(console: "Console") -> None:
        grpc_host, http_host = (
            address.rpartition(":")[0] for address in (settings.listen.grpc, settings.listen.http)
        )
        console.print(f"[bold green]●[/] Node [bold]{settings.node.id}[/] is open")
        rows: list[tuple[str, object]] = [
            ("Peers", f"{grpc_host}:{grpc_port} (gRPC, mutual TLS)"),
            ("Employers", f"http://{http_host}:{http_port}/v1/verifications"),
            ("Documentation", f"http://{http_host}:{http_port}/openapi.json"),
            ("Health", f"http://{http_host}:{http_port}/health/ready"),
        ]
        console.print(pairs(rows))
        console.print("[dim]Ctrl-C stops it.[/]")

    give(False, {}, show)


def _make(data: Path, settings: "Settings", root: bytes) -> "NodeFile":
    """Make all that a node has, or nothing; the settings come last, for they make it a node."""
    import msgspec

    from node import assembly

    with _all_or_nothing(data):
        description = assembly.create_node(data, settings)
        described = msgspec.json.format(msgspec.json.encode(description), indent=2) + b"\n"
        _check_description(description)
        (data / "root.json").write_bytes(root)
        (data / NODE_FILE).write_bytes(described)
        (data / "symbolon.toml").write_text(_render(settings), "utf-8")
    return description


@contextmanager
def _all_or_nothing(data: Path) -> Iterator[None]:
    """Make the data directory; where what follows fails, remove what it made."""
    there = [name for name in _OURS if (data / name).exists()]
    if there:
        raise Refusal(
            Code.CONFLICT,
            f"{data} holds {', '.join(there)} already; a node is made once, "
            "so name another directory with --data",
        )
    made = [path for path in (data, *data.parents) if not path.exists()]
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for name in _OURS:
            path = data / name
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        for path in made:
            path.rmdir()
        raise


def _check_description(description: "NodeFile") -> None:
    """Check the description as everybody will who reads it on a trust list."""
    import msgspec

    from node.model.trust import NodeFile
    from node.model.trust_entries import make_node
    from node.model.trust_files import decode_file

    written = decode_file(msgspec.json.encode(description), NodeFile, NODE_FILE)
    make_node(written, description.country, 0)


def _look_at_addresses(settings: "Settings", *, given: bool) -> list[str]:
    """Refuse addresses that cannot work; return what else the operator should know of them."""
    listen = settings.listen
    notes: list[str] = []
    for name, address in (("--grpc", listen.grpc), ("--http", listen.http)):
        host, port = _address(name, address)
        if port == 0 and name == "--grpc":
            raise Refusal(
                Code.MALFORMED,
                "--grpc: port 0 would be another port at each start, where peers do not find "
                "the node; name one",
            )
        if port == 0:
            notes.append("--http has port 0: each start takes a free port, and 'serve' says which")
        elif _is_taken(host, port):
            notes.append(
                f"something listens at {address} now; 'serve' can start only once it is gone, "
                f"or with another port as {name.removeprefix('--')} under [listen] in symbolon.toml"
            )
    host, _ = _address("--endpoint", listen.endpoint)
    if not given and host in _ANY_HOST:
        raise Refusal(
            Code.MALFORMED,
            f"--endpoint: {listen.grpc} is where this node listens; say which host:port peers dial",
        )
    if host in {"127.0.0.1", "localhost", "[::1]"}:
        notes.append(
            f"peers dial {listen.endpoint}, which they can from this machine only; "
            "--endpoint names an address that other machines reach"
        )
    return notes


def _address(name: str, address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    most = 65_535
    if not host or not (port.isascii() and port.isdigit()) or int(port) > most:
        raise Refusal(Code.MALFORMED, f"{name}: must be host:port, like {GRPC_DEFAULT}")
    return host, int(port)


def _is_taken(host: str, port: int) -> bool:
    import errno
    import socket

    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def _render(settings: "Settings") -> str:
    """Write the settings file; a JSON string is a TOML string too."""
    node, listen = settings.node, settings.listen
    values = {
        "id": node.id,
        "authority": node.authority,
        "origin": node.origin,
        "grpc": listen.grpc,
        "http": listen.http,
        "endpoint": listen.endpoint,
        "database": settings.store.database,
        "ml_dsa_44": settings.seals.ml_dsa_44,
        "mirrors": settings.trust.mirrors,
    }
    return _SETTINGS.format(
        **{name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
    )
