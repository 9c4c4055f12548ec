"""A trust list as it was found: signed or not, whole or in part, right or wrong.

What officers look at before it is published (`lint`), and compare (`diff`).
"""

import re
from typing import Any, Final, Literal, TypeVar

from msgspec import Struct
from tuf.api.metadata import Metadata, Root, Targets

from node.errors import Code, Refusal
from node.model.federation import read_metadata
from node.model.trust import TrustBundle

_Signed = TypeVar("_Signed", Root, Targets)
Kind = Literal["sources", "staged", "published", "copy"]
_ROOT: Final = re.compile(r"([1-9][0-9]{0,8})\.root\.json")


class Listing(Struct, frozen=True):
    """Files and metadata that were found together.

    Attributes:
        kind: readable sources, what is being signed, a published repository, or a node's copy.
        files: the files under the roles, by path.
        metadata: of targets, snapshot, timestamp and countries, by role.
        roots: every root, oldest first.
        unread: what could not be read or has no place in a trust list, with the reason.
        waiting: the roles that are being signed.
    """

    kind: Kind
    files: dict[str, bytes] = {}
    metadata: dict[str, bytes] = {}
    roots: tuple[bytes, ...] = ()
    unread: dict[str, str] = {}
    waiting: frozenset[str] = frozenset()

    def bundle(self) -> TrustBundle:
        """Return what a node would resolve."""
        metadata = {
            f"{role}.json": content
            for role, content in self.metadata.items()
            if role not in {"root", "timestamp"}
        }
        metadata |= {f"{number}.root.json": root for number, root in enumerate(self.roots, 1)}
        return TrustBundle(metadata, self.files)


def listing_of(bundle: TrustBundle) -> Listing:
    """Return an archived list as one that was found."""
    found = {_ROOT.fullmatch(name): content for name, content in bundle.metadata.items()}
    roots = sorted((int(name[1]), content) for name, content in found.items() if name)
    return Listing(
        kind="copy",
        files=bundle.files,
        metadata={
            name.removesuffix(".json"): content
            for name, content in bundle.metadata.items()
            if not _ROOT.fullmatch(name)
        },
        roots=tuple(content for _, content in roots),
    )


def root_of(listing: Listing) -> Root | None:
    """Return the newest root, None where there is none.

    Raises:
        Refusal: MALFORMED where it cannot be read.
    """
    if not listing.roots:
        return None
    signed = read_metadata(listing.roots[-1], "root.json").signed
    return _of_kind(signed, Root, "root.json")


def targets_of(listing: Listing, role: str = "targets") -> Targets | None:
    """Return what a role lists, None where its metadata are not there.

    Raises:
        Refusal: MALFORMED where they cannot be read.
    """
    metadata = metadata_of(listing, role)
    return None if metadata is None else _of_kind(metadata.signed, Targets, f"{role}.json")


def metadata_of(listing: Listing, role: str) -> Metadata[Any] | None:
    """Return a role's metadata, None where they are not there; refuses as `targets_of`."""
    content = listing.metadata.get(role)
    return None if content is None else read_metadata(content, f"{role}.json")


def _of_kind(signed: object, kind: type[_Signed], name: str) -> _Signed:
    if not isinstance(signed, kind):
        raise Refusal(Code.MALFORMED, f"{name}: is no {kind.__name__.lower()} metadata")
    return signed
