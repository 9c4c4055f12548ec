"""A trust list inside a JSON file that proves something by itself: its files as text."""

from msgspec import Struct

from node.model.trust import TrustBundle


class TrustText(Struct, frozen=True, forbid_unknown_fields=True):
    """Metadata and files of a trust list, by name and by path."""

    metadata: dict[str, str]
    files: dict[str, str]

    @classmethod
    def of(cls, bundle: TrustBundle) -> "TrustText":
        """Write a trust list as text, in the one order.

        Raises:
            UnicodeError: where a file is no UTF-8.
        """
        return cls(_texts(bundle.metadata), _texts(bundle.files))

    def bundle(self) -> TrustBundle:
        """Return the trust list, byte for byte.

        Raises:
            UnicodeError: where a text cannot be written in UTF-8.
        """
        return TrustBundle(_contents(self.metadata), _contents(self.files))


def _texts(contents: dict[str, bytes]) -> dict[str, str]:
    return {name: contents[name].decode() for name in sorted(contents)}


def _contents(texts: dict[str, str]) -> dict[str, bytes]:
    return {name: content.encode() for name, content in texts.items()}
