"""`trust`, the federation operator's part: members, keys, what is staged, and publishing it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.cli.context import Json, add, read_bounded
from node.cli.officer import (
    PassphraseFile,
    PinFile,
    Signers,
    grouped,
    key_names,
    moment_in_words,
    now,
    role_keys,
)
from node.cli.output import columns, give, pairs
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console

    from node.store.federation import Federation
    from node.store.publish import Published

Directory = Annotated[
    Path,
    typer.Argument(metavar="DIR", exists=True, file_okay=False, help="The federation's directory."),
]
Country = Annotated[str, typer.Argument(metavar="COUNTRY", help="Its letters, like XD.")]
_PUBLIC = {"exists": True, "dir_okay": False}
Threshold = Annotated[int, typer.Option(min=1, help="How many of these keys have to sign.")]


def register_founding(trust: typer.Typer) -> None:
    """Add the command that comes first."""
    add(
        trust,
        "new-federation",
        new_federation,
        'symbolon trust new-federation fed --name "Trades Federation" '
        "--root-key anna.key.pub --root-key ben.key.pub --root-key cleo.key.pub "
        "--root-threshold 2 --targets-key anna.key.pub --targets-key ben.key.pub "
        "--targets-threshold 2 --snapshot-key snapshot.key.pub --timestamp-key timestamp.key.pub",
    )


def register(trust: typer.Typer) -> None:
    """Add the other commands."""
    add(trust, "collect", collect, "symbolon trust collect fed from-anna/root.json")
    add(
        trust,
        "admit",
        admit,
        "symbolon trust admit fed XD --country-key dora.key.pub --country-key emil.key.pub "
        "--threshold 2",
    )
    add(
        trust,
        "country",
        country_,
        "symbolon trust country fed XD xd.join.json xa-xd.json",
        "symbolon trust country fed XD --remove agreements/XD/xa-xd.json",
    )
    add(trust, "suspend", suspend, 'symbolon trust suspend fed XD --reason "Keys were lost"')
    add(trust, "reinstate", reinstate, "symbolon trust reinstate fed XD")
    add(trust, "expel", expel, "symbolon trust expel fed XD")
    add(
        trust,
        "rotate",
        rotate,
        "symbolon trust rotate fed root --remove cleo.key.pub --add dan.key.pub",
        "symbolon trust rotate fed XD --add frida.key.pub --threshold 2",
    )
    add(trust, "renew", renew, "symbolon trust renew fed root targets XD")
    add(trust, "discard", discard, "symbolon trust discard fed targets")
    add(trust, "staged", staged, "symbolon trust staged fed")
    add(
        trust,
        "publish",
        publish_,
        "symbolon trust publish fed --snapshot-key snapshot.key --timestamp-key timestamp.key "
        "--to /srv/trust",
    )


def new_federation(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A new directory.")],
    *,
    name: Annotated[str, typer.Option(help="Name of the federation.")],
    root_key: Annotated[list[Path], typer.Option(**_PUBLIC, help="An officer's .pub file.")],
    root_threshold: Annotated[int, typer.Option(min=1, help="How many of them sign a root.")],
    targets_key: Annotated[list[Path], typer.Option(**_PUBLIC, help="An officer's .pub file.")],
    targets_threshold: Annotated[
        int, typer.Option(min=1, help="How many of them sign who is a member.")
    ],
    snapshot_key: Annotated[list[Path], typer.Option(**_PUBLIC, help="The publisher's .pub.")],
    timestamp_key: Annotated[list[Path], typer.Option(**_PUBLIC, help="The publisher's .pub.")],
    as_json: Json = False,
) -> None:
    """Found a federation: its first root and an empty list of members, to be signed by officers.

    Nothing is signed here. Copy each staged file to its signers, who run 'symbolon trust sign'.
    """
    from node.model.bounds import text
    from node.model.federation import fingerprint
    from node.store.federation import Federation

    text(name, "--name", 200)
    roles = {
        "root": role_keys(root_key, root_threshold, "--root-key"),
        "targets": role_keys(targets_key, targets_threshold, "--targets-key"),
        "snapshot": role_keys(snapshot_key, 1, "--snapshot-key"),
        "timestamp": role_keys(timestamp_key, 1, "--timestamp-key"),
    }
    files = [*root_key, *targets_key, *snapshot_key, *timestamp_key]
    federation = Federation.create(directory, name, roles, key_names(files), now())
    digest = fingerprint(federation.root())

    def show(console: "Console") -> None:
        console.print(f"[bold green]✓[/] Federation [bold]{name}[/] is founded in ", end="")
        console.print(str(directory), markup=False)
        console.print(pairs([("Fingerprint", grouped(digest))]))
        console.print("Every officer, and later every node, compares the fingerprint.\n")

    say_staged(federation, as_json, show, {"fingerprint": digest})


def collect(
    directory: Directory,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", exists=True, dir_okay=False, help="Signed, come back."),
    ],
    as_json: Json = False,
) -> None:
    """Take signatures out of files that come back from signers: valid ones only, never content."""
    from node.model.federation import STAGED_SIZE_MAX_BYTES
    from node.store.federation import Federation

    federation = Federation(directory)
    with federation.locked():
        taken = [
            (file, federation.collect(read_bounded(file, STAGED_SIZE_MAX_BYTES), str(file)))
            for file in files
        ]
    content = [
        {"file": str(file), "role": one.role, "new": one.new, "known": one.known}
        for file, one in taken
    ]

    def show(console: "Console") -> None:
        for file, one in taken:
            names = [federation.key_name(keyid) for keyid in one.new]
            said = f"signed by {', '.join(names)}" if names else "nothing new"
            console.print(f"[bold green]✓[/] {one.role}: {said} ", end="")
            console.print(f"({file})", markup=False)

    say_staged(federation, as_json, show, {"collected": content})


def admit(
    directory: Directory,
    country: Country,
    *,
    country_key: Annotated[
        list[Path], typer.Option(**_PUBLIC, help="A .pub file of the country's officers.")
    ],
    threshold: Threshold,
    as_json: Json = False,
) -> None:
    """Stage a country's admission: from then on its own officers sign for it, and nobody else.

    Next, 'symbolon trust country' stages the country's own list; both are published together.
    """
    keys = role_keys(country_key, threshold, "--country-key")

    def change(federation: "Federation", now: int) -> None:
        federation.remember_keys(key_names(country_key))
        federation.admit(country, keys, now)

    _change(directory, as_json, change)


def country_(
    directory: Directory,
    country: Country,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            exists=True,
            dir_okay=False,
            help="Join request, node.json, agreements, issuers, framework.",
        ),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option(help="A file that it withdraws, like agreements/XD/xa-xd.json."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Stage a country's own list: the files it has, and those that it hands over now.

    A join request is refused unless every key in it is proved to be the node's. Without files the
    list is only renewed.
    """
    from node.model.trust_files import FILE_SIZE_MAX_BYTES

    contents = {str(file): read_bounded(file, FILE_SIZE_MAX_BYTES) for file in files or []}

    def change(federation: "Federation", now: int) -> None:
        federation.take(country, contents, remove or [], now)

    _change(directory, as_json, change)


def suspend(
    directory: Directory,
    country: Country,
    reason: Annotated[str, typer.Option(help="Why; every node's operator reads it.")],
    as_json: Json = False,
) -> None:
    """Stage a suspension: the country stays listed, but is asked nothing and answered nothing."""

    def change(federation: "Federation", now: int) -> None:
        federation.suspend(country, reason, now)

    _change(directory, as_json, change)


def reinstate(directory: Directory, country: Country, as_json: Json = False) -> None:
    """Stage the end of a suspension."""

    def change(federation: "Federation", now: int) -> None:
        federation.reinstate(country, now)

    _change(directory, as_json, change)


def expel(directory: Directory, country: Country, as_json: Json = False) -> None:
    """Stage an expulsion: nothing that the country signs counts from then on."""

    def change(federation: "Federation", now: int) -> None:
        federation.expel(country, now)

    _change(directory, as_json, change)


def rotate(
    directory: Directory,
    role: Annotated[
        str, typer.Argument(metavar="ROLE", help="root, targets, snapshot, timestamp or a country.")
    ],
    *,
    add_: Annotated[
        list[Path] | None, typer.Option("--add", **_PUBLIC, help="The .pub file of a new key.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="A .pub file or key id of a key that goes.")
    ] = None,
    threshold: Annotated[
        int | None, typer.Option(min=1, help="How many sign from now on.", show_default="as before")
    ] = None,
    as_json: Json = False,
) -> None:
    """Stage other keys for a role; a new root is signed by the old keys and by the new ones."""
    from node.model.federation import role_named
    from node.store.officer_keys import read_public_file

    if not add_ and not remove and threshold is None:
        raise Refusal(Code.MALFORMED, "say what changes: --add, --remove or --threshold")
    gone = [
        read_public_file(Path(one)).keyid if Path(one).is_file() else one for one in remove or []
    ]
    keys = [read_public_file(file) for file in add_ or []]
    names = key_names(add_ or [])

    def change(federation: "Federation", now: int) -> None:
        federation.remember_keys(names)
        federation.rotate(role_named(role), keys, gone, threshold, now)

    _change(directory, as_json, change)


def renew(
    directory: Directory,
    roles: Annotated[
        list[str], typer.Argument(metavar="ROLE...", help="root, targets or countries.")
    ],
    as_json: Json = False,
) -> None:
    """Stage roles as their sources are now, with a new expiry."""
    from node.model.federation import role_named

    def change(federation: "Federation", now: int) -> None:
        for role in roles:
            federation.renew(role_named(role), now)

    _change(directory, as_json, change)


def discard(
    directory: Directory,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="root, targets or a country.")],
    as_json: Json = False,
) -> None:
    """Give up what is staged for a role; its sources are again what is published."""
    from node.model.federation import role_named

    def change(federation: "Federation", _now: int) -> None:
        federation.discard(role_named(role))

    _change(directory, as_json, change)


def staged(directory: Directory, as_json: Json = False) -> None:
    """Show what waits for signatures, and whose are missing."""
    from node.store.federation import Federation

    federation = Federation(directory)
    with federation.locked():
        say_staged(federation, as_json)


def publish_(
    directory: Directory,
    *,
    snapshot_key: Annotated[list[Path], typer.Option(**_PUBLIC, help="The publisher's key.")],
    timestamp_key: Annotated[list[Path], typer.Option(**_PUBLIC, help="The publisher's key.")],
    to: Annotated[
        Path | None, typer.Option(file_okay=False, help="Bring this directory up to date too.")
    ] = None,
    leave: Annotated[
        list[str] | None, typer.Option(help="A role that stays staged, like root or XD.")
    ] = None,
    renew_only: Annotated[
        bool, typer.Option("--renew-only", help="Leave all that is staged; for a daily job.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    pin_file: PinFile = None,
    as_json: Json = False,
) -> None:
    """Publish what is staged and signed; where nothing is, only say that the list is still new.

    Refuses while a signature is missing, and says whose. DIR/published, or the directory of --to,
    is what a web server hands out; no client ever sees half a change.
    """
    from node.model.federation import role_named
    from node.store.federation import Federation
    from node.store.publish import publish

    keys = Signers(passphrase_file, pin_file)
    federation = Federation(directory)
    with federation.locked():
        left = federation.staged_roles() if renew_only else map(role_named, leave or [])
        published = publish(
            federation,
            {
                "snapshot": [keys.open(key) for key in snapshot_key],
                "timestamp": [keys.open(key) for key in timestamp_key],
            },
            now(),
            leave=list(left),
            elsewhere=to,
        )
    content = {
        "published": str(federation.published if to is None else to),
        "roles": published.roles,
        "expires_at": published.expiries,
        "seamless": published.seamless,
        "notes": published.notes,
    }
    give(as_json, content, lambda console: _show_published(console, published, content))


def _show_published(console: "Console", published: "Published", content: dict[str, Any]) -> None:
    console.print("[bold green]✓[/] Published in ", end="")
    console.print(content["published"], markup=False)
    rows = [
        (role, published.roles.get(role, "as before"), moment_in_words(expires))
        for role, expires in published.expiries.items()
    ]
    console.print(columns(("Role", "Version", "Expires"), rows))
    for note in published.notes:
        console.print("[yellow]Note:[/] ", end="")
        console.print(note, markup=False)
    if not published.seamless:
        console.print(
            "[yellow]Note:[/] keys were replaced and the old ones did not sign too. A node that "
            "was reading at that moment was refused, and reads again."
        )


def _change(directory: Path, as_json: bool, change: "Callable[[Federation, int], None]") -> None:
    """Change what is staged, and say what has to be signed by whom."""
    from node.store.federation import Federation

    federation = Federation(directory)
    with federation.locked():
        change(federation, now())
        say_staged(federation, as_json)


def say_staged(
    federation: "Federation",
    as_json: bool,
    before: "Callable[[Console], None] | None" = None,
    more: dict[str, Any] | None = None,
) -> None:
    """Say what has to be signed by whom, after what `before` has to say."""
    waiting = [_waiting(federation, role) for role in federation.staged_roles()]

    def show(console: "Console") -> None:
        if before is not None:
            before(console)
        _show_waiting(console, waiting)

    give(as_json, {**(more or {}), "staged": waiting}, show)


def _waiting(federation: "Federation", role: str) -> dict[str, Any]:
    from node.cli.trust_words import content_of

    found = federation.staged(role)
    content = {} if found is None else content_of(found)
    name = federation.key_name
    signatures = [
        {
            "threshold": one.threshold,
            "signed": [{"keyid": keyid, "name": name(keyid)} for keyid in one.signed],
            "unsigned": [{"keyid": keyid, "name": name(keyid)} for keyid in one.unsigned],
            "missing": one.missing,
        }
        for one in federation.standings(role)
    ]
    return {**content, "file": str(federation.staged_file(role)), "signatures": signatures}


def _show_waiting(console: "Console", waiting: Sequence[dict[str, Any]]) -> None:
    if not waiting:
        console.print("Nothing is staged: nothing waits for a signature.")
        return
    for one in waiting:
        console.print(f"[bold]{one['role']}[/], version {one['version']}: ", end="")
        console.print(one["file"], markup=False)
        for sentence in one["changes"]:
            console.print(f"  • {sentence}", markup=False)
        for counted in one["signatures"]:
            console.print(f"  {_signatures_in_words(counted)}", markup=False)
    if any(counted["missing"] for one in waiting for counted in one["signatures"]):
        console.print(
            "\nCopy each file to its signers ('symbolon trust sign'), "
            "and bring it back with 'symbolon trust collect'."
        )
    else:
        console.print("\nAll is signed: 'symbolon trust publish' publishes it.")


def _signatures_in_words(counted: dict[str, Any]) -> str:
    signed = ", ".join(key["name"] for key in counted["signed"]) or "nobody yet"
    said = f"needs {counted['threshold']} signatures; signed by {signed}"
    if not counted["missing"]:
        return f"{said}: enough"
    names = " or ".join(key["name"] for key in counted["unsigned"])
    return f"{said}; {counted['missing']} missing, by {names}"
