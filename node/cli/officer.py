"""What officers are asked for: keys, passphrases, PINs."""

import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import in_words
from node.errors import Code, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from securesystemslib.signer import Signer

    from node.model.federation import RoleKeys

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        exists=True, dir_okay=False, help="Holds the passphrase; else it is asked for.", metavar="F"
    ),
]
PinFile = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="Holds the token's PIN; else it is asked for.",
        metavar="F",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether that is meant; for scripts.")]


def ask_secret(file: Path | None, question: str, *, twice: bool = False) -> str:
    """Return a secret: the first line of a file, or what is typed at a prompt."""
    if file is None:
        answer: str = typer.prompt(question, hide_input=True, confirmation_prompt=twice, err=True)
        return answer
    try:
        return file.read_text("utf-8").splitlines()[0]
    except (IndexError, UnicodeDecodeError):
        raise Refusal(Code.MALFORMED, f"{file}: holds no line of text") from None


class Signers:
    """Opens keys; the same passphrase or PIN is asked for once."""

    def __init__(self, passphrase_file: Path | None, pin_file: Path | None) -> None:
        """Take where secrets are read from."""
        self._passphrase_file = passphrase_file
        self._pin_file = pin_file
        self._opened: dict[Path, Signer] = {}
        self._pins: dict[Path, str] = {}

    def open(self, key: Path) -> "Signer":
        """Return what signs with a key."""
        from node.store.officer_keys import read_signer

        if key not in self._opened:
            self._opened[key] = read_signer(key, self._passphrase, self._pin)
        return self._opened[key]

    def _passphrase(self, key: Path) -> str:
        return ask_secret(self._passphrase_file, f"Passphrase of {key}")

    def _pin(self, key: Path) -> str:
        if key not in self._pins:
            self._pins[key] = ask_secret(self._pin_file, f"PIN of the token with {key}")
        return self._pins[key]


def role_keys(files: Sequence[Path], threshold: int, option: str) -> "RoleKeys":
    """Read the public keys of a role.

    Raises:
        Refusal: MALFORMED where one is none, or the threshold cannot be reached.
    """
    from node.model.federation import RoleKeys
    from node.store.officer_keys import read_public_file

    try:
        return RoleKeys(tuple(read_public_file(file) for file in files), threshold)
    except Refusal as refusal:
        raise Refusal(refusal.code, f"{option}: {refusal.reason}") from None


def key_names(files: Sequence[Path]) -> "Mapping[str, str]":
    """Return what people call keys, from the names of their files, by key id."""
    from node.store.officer_keys import read_public_file

    return {
        read_public_file(file).keyid: re.sub(r"(\.key|\.pem)?\.pub$", "", file.name)
        for file in files
    }


def now() -> int:
    """Return microseconds UTC since the epoch; an officer's machine needs no node for that."""
    return time.time_ns() // 1000


def grouped(digest: str) -> str:
    """Return hex digits in groups of four, as people compare them."""
    return " ".join(digest[start : start + 4] for start in range(0, len(digest), 4))


def moment_in_words(moment: "datetime") -> str:
    """Return a time as people read it."""
    return in_words(int(moment.timestamp()) * 1_000_000)
