"""What a node signs documents with: an Ed25519 key, and the DID that lists it."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from node.documents.did import did_key, jose_method, multikey


class DocumentSigner(Struct, frozen=True):
    """A key, and whose it is."""

    did: str
    key: Ed25519PrivateKey

    @property
    def method(self) -> str:
        """The id of the key for Data Integrity proofs."""
        return f"{self.did}#{multikey(self.key.public_key())}"

    @property
    def jose_method(self) -> str:
        """The id of the key for JOSE."""
        return jose_method(self.did, self.key.public_key())


def signer_of_key(key: Ed25519PrivateKey) -> DocumentSigner:
    """Return a signer that is nobody but its key (did:key)."""
    return DocumentSigner(did_key(key.public_key()), key)
