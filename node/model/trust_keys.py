"""The keys of TUF roles: which kinds count, and that nobody borrows another's."""

from collections.abc import Iterable, Mapping
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from securesystemslib.signer import Key, SSlibKey
from tuf.api.metadata import Delegations, Role

from node.errors import Code, Refusal
from node.model.note import require_strong_ed25519

KEYS_PER_ROLE_MAX: Final = 64
_KEY_TYPES: Final = frozenset({"ed25519", "ecdsa", "rsa"})
_ED25519_SIZE_BYTES: Final = 32


def require_keys(role: Role, keys: Mapping[str, Key], where: str) -> None:
    """Refuse a role whose keys are weak, of a strange kind, or the same one twice."""
    if len(role.keyids) > KEYS_PER_ROLE_MAX:
        raise Refusal(Code.MALFORMED, f"{where}: a role has more than {KEYS_PER_ROLE_MAX} keys")
    public_keys = [public_key_bytes(keys[keyid], where) for keyid in role.keyids if keyid in keys]
    if len(set(public_keys)) != len(public_keys):
        raise Refusal(Code.MALFORMED, f"{where}: the same key stands twice in one role")


def public_key_bytes(key: Key, where: str) -> bytes:
    """Return a role's public key: raw for Ed25519, else its SubjectPublicKeyInfo (DER).

    Raises:
        Refusal: MALFORMED where it is weak, of a strange kind or unreadable.
    """
    if not isinstance(key, SSlibKey) or key.keytype not in _KEY_TYPES:
        raise Refusal(
            Code.MALFORMED, f"{where}: a key is of kind {key.keytype!r}; use Ed25519 or ECDSA P-256"
        )
    try:
        if key.keytype == "ed25519":
            public_key = bytes.fromhex(key.keyval["public"])
            if len(public_key) == _ED25519_SIZE_BYTES:
                require_strong_ed25519(public_key)
                return public_key
        else:
            loaded = load_pem_public_key(key.keyval["public"].encode())
            return loaded.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        pass
    except Refusal as refusal:
        raise Refusal(Code.MALFORMED, f"{where}: {refusal.reason}") from None
    raise Refusal(Code.MALFORMED, f"{where}: a key cannot be read")


def borrowed_keys(delegations: Delegations) -> dict[str, str]:
    """Return each role that has a key of another country's, and which other."""
    holders: dict[bytes, str] = {}
    borrowed: dict[str, str] = {}
    for role_name, role in (delegations.roles or {}).items():
        for public_key in _readable_keys(role, delegations.keys):
            holder = holders.setdefault(public_key, role_name)
            if holder != role_name:
                borrowed[role_name], borrowed[holder] = holder, role_name
    return borrowed


def _readable_keys(role: Role, keys: Mapping[str, Key]) -> Iterable[bytes]:
    for keyid in role.keyids:
        try:
            yield public_key_bytes(keys[keyid], "")
        except (KeyError, Refusal):
            continue  # refused for the role that has it, in its turn
