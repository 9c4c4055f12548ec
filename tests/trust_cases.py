"""Trust lists with something in them changed, resolved or refused."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import DelegatedRole, Delegations, Signed, TargetFile, Targets

from node.errors import Code, Refusal
from node.model.statement import AgreementReference
from node.model.trust import (
    NodeFile,
    TrustBundle,
    TrustView,
    resolve,
)
from tests.federation import (
    START,
    Change,
    compose,
    make_root,
    role_signer,
    trust_files,
    unchanged,
)

ROOT = make_root()
AGREED = AgreementReference("xa-xb", 1)


def seen(
    files: Mapping[str, bytes] | None = None, change: Change = unchanged, at: int = START
) -> TrustView:
    """Resolve the sample federation's list, or one of other files."""
    content = trust_files() if files is None else files
    return resolve(compose(content, change=change), ROOT, at, whole=True)


def refused(bundle: TrustBundle, code: Code, at: int = START, *, whole: bool = False) -> str:
    """Check that a whole list is refused, and return why."""
    with pytest.raises(Refusal) as refusal:
        resolve(bundle, ROOT, at, whole=whole)
    assert refusal.value.code is code
    return refusal.value.reason


def only_spoilt(view: TrustView, country: str, reason: str) -> None:
    """Check that one country is left out with a reason, and no other."""
    (fault,) = view.faults
    assert fault.startswith(f"country-{country}: ")
    assert reason in fault
    assert view.nodes.keys() == {"XA", "XB", "XC"} - {country}
    assert country not in view.node_by_pin.values()
    assert not any(country in pair for pair in view.agreements)
    assert not any(issuer_of == country for issuer_of, _ in view.issuers)
    assert country not in view.frameworks


def edited(path: str, **changes: Any) -> dict[str, bytes]:
    """Return the sample files with some fields of one changed."""
    files = trust_files()
    files[path] = msgspec.json.encode(msgspec.json.decode(files[path]) | changes)
    return files


def with_node(described: NodeFile, country: str) -> dict[str, bytes]:
    """Return the sample files with another description under a country's node."""
    return trust_files() | {f"nodes/{country}/node.json": msgspec.json.encode(described)}


def listing(role: str, *paths: str) -> Change:
    """Return what makes a role list other paths as well."""

    def change(name: str, signed: Signed) -> None:
        if name == role:
            assert isinstance(signed, Targets)
            for path in paths:
                signed.targets[path] = TargetFile.from_data(path, b"{}", ["sha256"])

    return change


def keys(role: str, *numbers: int) -> list[CryptoSigner]:
    """Return some of the fixed signers of a role."""
    return [role_signer(role, number) for number in numbers]


def when(role: str, change: Callable[[Signed], None]) -> Change:
    """Return what changes one role's metadata before they are signed."""

    def changed(name: str, signed: Signed) -> None:
        if name == role:
            change(signed)

    return changed


def delegating(country: str, change: Callable[[DelegatedRole, Delegations], None]) -> Change:
    """Return what changes how targets delegate to a country."""

    def changed(signed: Signed) -> None:
        assert isinstance(signed, Targets)
        assert signed.delegations is not None
        assert signed.delegations.roles is not None
        change(signed.delegations.roles[f"country-{country}"], signed.delegations)

    return when("targets", changed)
