"""Keys of officers and publishers: what signs a federation's trust lists.

A key is one of two files, each with its public half beside it as FILE.pub:

- encrypted PKCS#8 (PEM), readable by its owner only
- a pointer to a key that never leaves a PKCS#11 token: {"module": …, "uri": "hsm:2?label=…"}
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from msgspec import Struct
from securesystemslib.exceptions import KeyMismatchError, UnsupportedLibraryError
from securesystemslib.signer import CryptoSigner, HSMSigner, Signer, SSlibKey

from node.errors import Code, Refusal
from node.model.federation import read_public_key, render_public_key
from node.store.keys import read_secret, write_secret

PASSPHRASE_LENGTH_MIN: Final = 8
_MODULE: Final = "PYKCS11LIB"


class TokenKey(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a token's key is: the PKCS#11 library, and key and token as securesystemslib says."""

    module: str
    uri: str


def public_file(key: Path) -> Path:
    """Return where the public half of a key is."""
    return key.with_name(f"{key.name}.pub")


def make_officer_key(file: Path, passphrase: str | None) -> SSlibKey:
    """Make an Ed25519 key: FILE for its owner alone, FILE.pub for everybody.

    Raises:
        Refusal: CONFLICT where one of the files is there, MALFORMED where the passphrase is short.
    """
    _require_new(file)
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase is not None:
        if len(passphrase) < PASSPHRASE_LENGTH_MIN:
            raise Refusal(
                Code.MALFORMED, f"the passphrase needs at least {PASSPHRASE_LENGTH_MIN} characters"
            )
        encryption = BestAvailableEncryption(passphrase.encode())
    private_key = Ed25519PrivateKey.generate()
    write_secret(file, private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    key = SSlibKey.from_crypto(private_key.public_key())
    _write_public(file, key)
    return key


def import_token_key(file: Path, token: TokenKey, ask_pin: Callable[[], str]) -> SSlibKey:
    """Take up a key that is in a PKCS#11 token already: FILE says where it is, FILE.pub is public.

    Raises:
        Refusal: UNKNOWN where the token or the key is not found.
    """
    _require_new(file)
    keyid, label = _parts(token, f"{file}")
    os.environ[_MODULE] = token.module
    try:
        _, key = HSMSigner.import_(keyid, label, lambda _: ask_pin())
    except UnsupportedLibraryError:
        raise _no_library() from None
    except Exception as error:  # noqa: BLE001 - the token's library raises what it likes
        raise Refusal(
            Code.UNKNOWN, f"{token.uri}: no such key is in the token ({_reason(error)})"
        ) from None
    write_secret(file, msgspec.json.format(msgspec.json.encode(token), indent=2) + b"\n")
    _write_public(file, key)
    return key


def read_public_file(file: Path) -> SSlibKey:
    """Read the public half of a key.

    Raises:
        Refusal: MALFORMED, also where it cannot be read.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Refusal(Code.MALFORMED, f"public key {file}: {error.strerror}") from None
    return read_public_key(content, f"public key {file}")


def read_signer(
    file: Path, ask_passphrase: Callable[[Path], str], ask_pin: Callable[[Path], str]
) -> Signer:
    """Return what signs with a key.

    Args:
        file: of the private key, or the pointer to a token.
        ask_passphrase: called for an encrypted one.
        ask_pin: called for a token, at each signature.

    Raises:
        Refusal: UNAUTHENTICATED for a wrong passphrase, CONFLICT where FILE.pub is of another
            key, MALFORMED where the file is no key.
    """
    public_key = read_public_file(public_file(file))
    content = read_secret(file)
    if content.lstrip().startswith(b"{"):
        return _token_signer(file, content, public_key, ask_pin)
    passphrase = ask_passphrase(file).encode() if b"ENCRYPTED" in content else None
    try:
        private_key = load_pem_private_key(content, passphrase)
    except (ValueError, TypeError):
        if passphrase is None:
            raise Refusal(Code.MALFORMED, f"{file}: is no private key") from None
        raise Refusal(
            Code.UNAUTHENTICATED, f"{file}: this passphrase does not open it; type it again"
        ) from None
    try:
        return CryptoSigner(private_key, public_key)
    except (KeyMismatchError, ValueError):
        raise Refusal(Code.CONFLICT, f"{file} and {public_file(file)} are not of one key") from None


def _token_signer(
    file: Path, content: bytes, public_key: SSlibKey, ask_pin: Callable[[Path], str]
) -> Signer:
    try:
        token = msgspec.json.decode(content, type=TokenKey)
    except msgspec.DecodeError:
        raise Refusal(Code.MALFORMED, f"{file}: is no pointer to a token's key") from None
    keyid, label = _parts(token, f"{file}")
    os.environ[_MODULE] = token.module
    try:
        return HSMSigner(keyid, public_key, lambda _: ask_pin(file), label)
    except UnsupportedLibraryError:
        raise _no_library() from None
    except ValueError as error:
        raise Refusal(Code.MALFORMED, f"{file}: {error}") from None


def _parts(token: TokenKey, where: str) -> tuple[int, str | None]:
    """Return key id and token label of an address like hsm:2?label=Officer+A."""
    parts = urlsplit(token.uri)
    label = parse_qs(parts.query).get("label", [None])[0]
    if parts.scheme != HSMSigner.SCHEME or not parts.path.isdecimal():
        raise Refusal(
            Code.MALFORMED, f"{where}: a token's key is named like hsm:2?label=TOKEN (2: its id)"
        )
    return int(parts.path), label


def _no_library() -> Refusal:
    return Refusal(
        Code.STALE,
        "keys in a PKCS#11 token need one library more; 'pip install python-pkcs11' brings it",
    )


def _reason(error: Exception) -> str:
    return f"{error}" or type(error).__name__


def _require_new(file: Path) -> None:
    for one in (file, public_file(file)):
        if one.exists():
            raise Refusal(Code.CONFLICT, f"{one} is there already; a key is never overwritten")


def _write_public(file: Path, key: SSlibKey) -> None:
    public = public_file(file)
    public.write_bytes(render_public_key(key))
    public.chmod(0o644)  # it goes to other people's machines
