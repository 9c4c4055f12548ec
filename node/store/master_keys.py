"""Master keys: what wraps the keys that personal data in the database is encrypted with.

    store.key      made by `init`: 64 hex digits, or a pointer to a key in a PKCS#11 token
    store-2.key    made when the first is rotated; the one before goes when nothing needs it

A token's AES key wraps the 32 bytes of the master key once, when the node starts: a copy of the
disk is worth nothing without the token, and no data key has to wait for it.
"""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from node.errors import Code, Refusal
from node.store.keys import read_secret, read_seed, write_secret

KEY_SIZE_BYTES: Final = 32
NONCE_SIZE_BYTES: Final = 12
_TAG_BITS: Final = 128
_SCHEME: Final = "pkcs11:"
_FILE: Final = re.compile(r"store(?:-([2-9]|[1-9][0-9]+))?\.key")
_GONE: Final = ".gone"
_PURPOSE: Final = b"symbolon master key"


class MasterKey(Struct, frozen=True):
    """A master key, in memory.

    Attributes:
        id: by which the database names it; says nothing about the key.
        file: its name in the directory of keys.
        cipher: wraps and unwraps data keys.
    """

    id: str
    file: str
    cipher: AESGCM


class _Wrapped(Struct, frozen=True, forbid_unknown_fields=True):
    """What a key file holds whose key is wrapped by one in a token; nonce first, hexadecimal."""

    token: str
    wrapped: str


class MasterKeys:
    """The master keys of a node, mostly one; read again when one is asked for that is not known."""

    def __init__(self, directory: Path) -> None:
        """Take the directory of the key files; nothing is read yet."""
        self.directory = directory
        self._keys: dict[str, MasterKey] = {}

    def exist(self) -> bool:
        """Tell whether there is a key file."""
        return bool(_files(self.directory))

    def of(self, wanted: str) -> MasterKey:
        """Return a key by its id.

        Raises:
            Refusal: STALE where no file has it, or one cannot be read.
        """
        if wanted not in self._keys:
            self.read()
        if wanted not in self._keys:
            raise Refusal(
                Code.STALE,
                f"master key: the database needs key {wanted}, and no file store*.key in the "
                f"directory of keys holds it; bring that file back from its backup",
            )
        return self._keys[wanted]

    def read(self) -> Sequence[MasterKey]:
        """Read the files again and return their keys, the oldest first.

        A key that was read before stays known: what was read with it may still be looked at.
        """
        found = [_read(self.directory, file) for file in _files(self.directory)]
        self._keys |= {key.id: key for key in found}
        return found

    def make(self, token: str = "") -> MasterKey:
        """Make a key that follows those that are there.

        Args:
            token: pkcs11:token=NAME;object=KEY?module-path=…&pin-source=FILE; empty for a file.

        Raises:
            Refusal: MALFORMED where that is no such address, STALE where the token refuses.
        """
        files = _files(self.directory)
        file = f"store-{_number(files[-1]) + 1}.key" if files else "store.key"
        fresh = secrets.token_bytes(KEY_SIZE_BYTES)
        content = fresh.hex()
        if token:
            with _token_key(self.directory, token, make=True) as wrapping:
                nonce = os.urandom(NONCE_SIZE_BYTES)
                wrapped = nonce + wrapping.encrypt(fresh, **_gcm(nonce))
            content = msgspec.json.encode(_Wrapped(token, wrapped.hex())).decode()
        half = self.directory / f"{file}.new"
        half.unlink(missing_ok=True)
        write_secret(half, content.encode() + b"\n")
        half.rename(self.directory / file)
        _sync(self.directory)
        key = _read(self.directory, file)
        self._keys[key.id] = key
        return key

    def destroy(self, key: MasterKey) -> None:
        """Overwrite a key's file and remove it; and what was left of another by a crash."""
        (self.directory / key.file).rename(self.directory / f"{key.file}{_GONE}")
        for path in self.directory.glob(f"store*{_GONE}"):
            with path.open("r+b") as file:
                file.write(b"\0" * path.stat().st_size)
                file.flush()
                os.fsync(file.fileno())
            path.unlink()
        _sync(self.directory)


def _files(directory: Path) -> list[str]:
    names = os.listdir(directory) if directory.is_dir() else []  # noqa: PTH208 - names only
    return sorted((name for name in names if _FILE.fullmatch(name)), key=_number)


def _number(file: str) -> int:
    match = _FILE.fullmatch(file)
    return int(match[1] or 1) if match else 0


def _read(directory: Path, file: str) -> MasterKey:
    content = read_secret(directory / file)
    is_wrapped = content.startswith(b"{")
    key = _unwrap(directory, file, content) if is_wrapped else read_seed(directory / file)
    digest = hmac.digest(key, _PURPOSE, hashlib.sha256)
    return MasterKey(digest[:8].hex(), file, AESGCM(key))


def _unwrap(directory: Path, file: str, content: bytes) -> bytes:
    try:
        held = msgspec.json.decode(content, type=_Wrapped)
        wrapped = bytes.fromhex(held.wrapped)
    except (msgspec.DecodeError, ValueError):
        raise Refusal(Code.STALE, f"key file {file}: is no pointer to a token's key") from None
    nonce, wrapped = wrapped[:NONCE_SIZE_BYTES], wrapped[NONCE_SIZE_BYTES:]
    with _token_key(directory, held.token, make=False) as wrapping:
        key: bytes = wrapping.decrypt(wrapped, **_gcm(nonce))
    if len(key) != KEY_SIZE_BYTES:
        raise Refusal(Code.STALE, f"key file {file}: holds no key of {KEY_SIZE_BYTES} bytes")
    return key


# --- tokens --------------------------------------------------------------------------------


class _Address(Struct, frozen=True):
    """Where a key is in a token, as an RFC 7512 URI says it."""

    token: str
    object: str
    module: str
    pin_file: str


def _address(uri: str) -> _Address:
    path, _, query = uri.removeprefix(_SCHEME).partition("?")
    named = dict(part.partition("=")[::2] for part in path.split(";"))
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    address = _Address(
        unquote(named.get("token", "")),
        unquote(named.get("object", "")),
        asked.get("module-path", ""),
        asked.get("pin-source", "").removeprefix("file:"),
    )
    known = named.keys() <= {"token", "object"} and asked.keys() <= {"module-path", "pin-source"}
    if not uri.startswith(_SCHEME) or not known or "" in msgspec.structs.astuple(address):
        raise Refusal(
            Code.MALFORMED,
            "store.master: a key in a token is named like "
            "pkcs11:token=NAME;object=KEY?module-path=/usr/lib/LIBRARY.so&pin-source=FILE, "
            "with the PIN in that file",
        )
    return address


@contextmanager
def _token_key(directory: Path, uri: str, *, make: bool) -> Iterator[Any]:
    """Open a session with a token and find its AES key; with `make`, make one where none is.

    Raises:
        Refusal: STALE, with what the token or its library said.
    """
    address = _address(uri)
    try:
        import pkcs11  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        raise Refusal(
            Code.STALE,
            "store.master: keys in a PKCS#11 token need one library more; "
            "'pip install symbolon[hsm]' brings it",
        ) from None
    pin = read_secret(directory / address.pin_file).decode().strip()
    name = f"{address.token}/{address.object}"
    try:
        token = pkcs11.lib(address.module).get_token(token_label=address.token)
        with token.open(rw=make, user_pin=pin) as session:
            yield _find(pkcs11, session, address.object, make=make)
    except Refusal:
        raise
    except Exception as error:  # noqa: BLE001 - the token's library raises what it likes
        reason = f"{error}" or type(error).__name__
        raise Refusal(
            Code.STALE, f"store.master: the token's key {name} cannot be used ({reason})"
        ) from None


def _find(pkcs11: Any, session: Any, label: str, *, make: bool) -> Any:  # noqa: ANN401 - untyped
    kinds = {"key_type": pkcs11.KeyType.AES, "object_class": pkcs11.ObjectClass.SECRET_KEY}
    try:
        return session.get_key(label=label, **kinds)
    except pkcs11.NoSuchKey:
        if not make:
            raise
    return session.generate_key(pkcs11.KeyType.AES, 256, label=label, store=True)


def _gcm(nonce: bytes) -> dict[str, Any]:
    import pkcs11  # noqa: PLC0415 - as above

    parameters = pkcs11.GCMParams(nonce, _PURPOSE, _TAG_BITS)
    return {"mechanism": pkcs11.Mechanism.AES_GCM, "mechanism_param": parameters}


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
