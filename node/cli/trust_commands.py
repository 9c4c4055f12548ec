"""`trust`: keys and signatures; the operator's part is in `trust_federation`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli import (
    trust_diff,
    trust_federation,
    trust_lint,
    trust_lote,
    trust_refresh,
    trust_show,
    trust_status,
)
from node.cli.context import Json, add, add_group, read_bounded
from node.cli.officer import (
    PassphraseFile,
    PinFile,
    Signers,
    Yes,
    ask_secret,
    grouped,
    moment_in_words,
    now,
)
from node.cli.output import give, pairs
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from rich.console import Console
    from securesystemslib.signer import Key

    from node.model.federation import Staged


def register(app: typer.Typer) -> None:
    """Add the commands."""
    trust = add_group(
        app,
        "trust",
        "Trust lists: make and sign those of a federation, and see the one in force at a node.",
        "symbolon --data xa trust show",
    )
    add(
        trust,
        "new-key",
        new_key,
        "symbolon trust new-key anna.key",
        "symbolon trust new-key anna.key --token 'hsm:2?label=Anna' --module libykcs11.so",
    )
    trust_federation.register_founding(trust)
    add(trust, "sign", sign, "symbolon trust sign country-XD.json --key anna.key")
    trust_federation.register(trust)
    add(trust, "refresh", trust_refresh.refresh, "symbolon --data xa trust refresh")
    add(
        trust,
        "lint",
        trust_lint.lint,
        "symbolon trust lint fed",
        "symbolon trust lint country-XD.json",
    )
    add(
        trust,
        "diff",
        trust_diff.diff,
        "symbolon trust diff fed/published fed/sources",
        "symbolon --data xa trust diff --from-version 7 --to-version 9",
    )
    add(trust, "lote", trust_lote.lote, "symbolon trust lote fed scheme.json")
    add(trust, "status", trust_status.status, "symbolon --data xa trust status")
    add(
        trust,
        "show",
        trust_show.show,
        "symbolon --data xa trust show",
        "symbolon --data xa trust show --as-of 2026-11-23T09:00:00Z",
    )


def new_key(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where the secret goes; FILE.pub is public.")
    ],
    *,
    token: Annotated[
        str | None,
        typer.Option(help="Take up a key that is in a PKCS#11 token, like hsm:2?label=Anna."),
    ] = None,
    module: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The token's PKCS#11 library."),
    ] = None,
    passphrase_file: PassphraseFile = None,
    pin_file: PinFile = None,
    no_passphrase: Annotated[
        bool,
        typer.Option("--no-passphrase", help="Keep the secret unencrypted: for machines."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Make an officer's key: FILE for its owner alone, FILE.pub for the federation.

    The secret is encrypted with a passphrase (PKCS#8). With --token nothing secret is written: the
    key is in the token already, and FILE says where.
    """
    from node.store.officer_keys import TokenKey, import_token_key, make_officer_key, public_file

    if token is not None:
        if module is None:
            raise Refusal(Code.MALFORMED, "--token needs --module, the token's PKCS#11 library")
        key = import_token_key(
            file, TokenKey(str(module), token), lambda: ask_secret(pin_file, "PIN of the token")
        )
    elif no_passphrase:
        key = make_officer_key(file, None)
    else:
        _require_absent(file)
        passphrase = ask_secret(passphrase_file, f"New passphrase of {file}", twice=True)
        key = make_officer_key(file, passphrase)
    secret = "in the token" if token else "unencrypted" if no_passphrase else "encrypted"
    content = {
        "secret": str(file),
        "public": str(public_file(file)),
        "keyid": key.keyid,
        "scheme": key.scheme,
    }
    rows: list[tuple[str, object]] = [
        ("Secret", f"{file} ({secret}; keep it to yourself)"),
        ("Public", f"{public_file(file)} (for the federation's operator)"),
        ("Key id", grouped(key.keyid)),
    ]

    def show_key(console: "Console") -> None:
        console.print("[bold green]✓[/] The key is made")
        console.print(pairs(rows))
        console.print("Whoever takes the public half compares the key id with you.")

    give(as_json, content, show_key)


def sign(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A copied staged file."),
    ],
    *,
    key: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="Your key, with its .pub beside it.")
    ],
    passphrase_file: PassphraseFile = None,
    pin_file: PinFile = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Read what a staged file says, and sign it: offline, with nothing but the file and your key.

    The signature goes into FILE; bring that back to the federation's operator, who takes out of it
    signatures only.
    """
    from node.cli.trust_words import content_of
    from node.model.federation import STAGED_SIZE_MAX_BYTES, read_staged, render_staged
    from node.model.federation import sign as add_signature
    from node.store.officer_keys import public_file, read_public_file
    from node.store.publication import replace_content

    if as_json and not yes:
        raise Refusal(Code.MALFORMED, "--json asks nothing; say --yes too, where that is meant")
    staged = read_staged(read_bounded(file, STAGED_SIZE_MAX_BYTES), str(file))
    public = read_public_file(public_file(key))
    if public.keyid not in staged.signers:
        raise Refusal(
            Code.UNTRUSTED,
            f"{key} is no key of {staged.role}; "
            f"{', '.join(sorted(staged.signers.values()))} may sign",
        )
    if staged.metadata.signed.expires.timestamp() * 1_000_000 <= now():
        raise Refusal(Code.STALE, f"{file}: has expired; have it staged anew")
    if not as_json:
        give(
            False, {}, lambda console: _show_staged(console, staged, _stood_behind(staged, public))
        )
    if not yes and not typer.confirm("Sign this?", err=True):
        raise Refusal(Code.CONFLICT, f"{file} is not signed")
    add_signature(staged.metadata, Signers(passphrase_file, pin_file).open(key))
    public.verify_signature(staged.metadata.signatures[public.keyid], staged.metadata.signed_bytes)
    replace_content(file, render_staged(staged))
    content = {**content_of(staged), "keyid": public.keyid, "file": str(file)}

    def show_signed(console: "Console") -> None:
        console.print("[bold green]✓[/] Signed. Bring this file back to the operator: ", end="")
        console.print(str(file), markup=False)

    give(as_json, content, show_signed)


def _show_staged(console: "Console", staged: "Staged", stood_behind: bool) -> None:
    from node.cli.trust_words import changes, role_in_words
    from node.model.federation_files import digest

    signed = staged.metadata.signed
    rows: list[tuple[str, object]] = [
        ("Role", role_in_words(staged.role)),
        ("Version", signed.version),
        ("Expires", moment_in_words(signed.expires)),
    ]
    rows += [(path, f"SHA-256 {digest(content)}") for path, content in staged.files.items()]
    console.print("[bold]What you are asked to sign[/]")
    console.print(pairs(rows))
    if staged.before is None:
        console.print("\n[bold]It is the first of this role[/]")
    else:
        console.print(f"\n[bold]What changes from version {staged.before.signed.version}[/]")
    for sentence in changes(staged) or ["Nothing but the version and the expiry."]:
        console.print(f"  • {sentence}", markup=False)
    if staged.before is not None and not stood_behind:
        console.print(
            "\n[yellow]Note:[/] your key did not sign that earlier version. "
            "Whether it is the one in force, only the operator says."
        )


def _stood_behind(staged: "Staged", key: "Key") -> bool:
    """Tell whether a key signed the version before, which is then what it says it is."""
    from securesystemslib.exceptions import UnverifiedSignatureError

    if staged.before is None or key.keyid not in staged.before.signatures:
        return False
    try:
        key.verify_signature(staged.before.signatures[key.keyid], staged.before.signed_bytes)
    except UnverifiedSignatureError:
        return False
    return True


def _require_absent(file: Path) -> None:
    if file.exists():
        raise Refusal(Code.CONFLICT, f"{file} is there already; a key is never overwritten")
