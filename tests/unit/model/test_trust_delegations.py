"""Delegating to countries: their own paths, with keys that are their own."""

from collections.abc import Callable, Sequence

import pytest
from securesystemslib.signer import Signer, SSlibKey
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    Root,
    Signed,
    Targets,
)

from node.errors import Refusal
from node.model.trust import resolve
from node.model.trust_metadata import (
    trusted_root,
)
from tests.federation import (
    START,
    compose,
    role_signer,
    sign,
    trust_files,
)
from tests.trust_cases import ROOT, delegating, keys, only_spoilt, seen, when

# --- delegations ---------------------------------------------------------------------------


def _not_terminating(role: DelegatedRole, _all: Delegations) -> None:
    role.terminating = False


def _everything(role: DelegatedRole, _all: Delegations) -> None:
    role.paths = ["*/*/*"]


def _another_country(role: DelegatedRole, _all: Delegations) -> None:
    assert role.paths is not None
    role.paths.append("nodes/XA/*")


def _by_hash(role: DelegatedRole, _all: Delegations) -> None:
    role.paths, role.path_hash_prefixes = None, ["ab"]


@pytest.mark.parametrize("change", [_not_terminating, _everything, _another_country, _by_hash])
def test_a_country_is_delegated_its_own_paths_and_no_others(
    change: Callable[[DelegatedRole, Delegations], None],
) -> None:
    only_spoilt(seen(change=delegating("XB", change)), "XB", "other paths")


def test_a_country_cannot_delegate_further() -> None:
    def further(signed: Signed) -> None:
        assert isinstance(signed, Targets)
        role = DelegatedRole("friend", [], 1, terminating=True, paths=["nodes/XB/*"])
        signed.delegations = Delegations({}, {"friend": role})

    only_spoilt(seen(change=when("country-XB", further)), "XB", "delegates further")


def test_a_role_that_is_no_countrys_is_named_and_left_alone() -> None:
    def friend(_role: DelegatedRole, delegations: Delegations) -> None:
        assert delegations.roles is not None
        delegations.roles["friend"] = DelegatedRole("friend", [], 1, terminating=True, paths=["x"])

    view = seen(change=delegating("XB", friend))
    assert view.faults == ("friend: is no country's role",)
    assert len(view.nodes) == 3


def test_metadata_of_a_country_without_delegation_are_none_of_the_list() -> None:
    def drop(_role: DelegatedRole, delegations: Delegations) -> None:
        assert delegations.roles is not None
        del delegations.roles["country-XB"]

    only_spoilt(seen(change=delegating("XB", drop)), "XB", "delegates nothing")


def test_two_countries_that_share_a_key_are_both_left_out() -> None:
    def shared(role: str) -> Sequence[Signer]:
        return keys("shared", 1) if role in {"country-XB", "country-XC"} else keys(role, 1)

    view = resolve(compose(trust_files(), signers=shared), ROOT, START, whole=True)
    assert view.nodes.keys() == {"XA"}
    assert all("shares a key" in fault for fault in view.faults)


def test_one_key_under_two_ids_does_not_make_two_signatures() -> None:
    def doubled(role: DelegatedRole, delegations: Delegations) -> None:
        key = role_signer("country-XB").public_key
        twin = SSlibKey("twin", key.keytype, key.scheme, dict(key.keyval))
        delegations.keys["twin"] = twin
        role.keyids.append("twin")
        role.threshold = 2

    only_spoilt(seen(change=delegating("XB", doubled)), "XB", "twice")


@pytest.mark.parametrize(
    ("public", "reason"),
    [
        ("00" * 32, "small order"),
        ("01" + "00" * 31, "small order"),
        ("ed" + "ff" * 30 + "7f", "small order"),
        ("zz", "cannot be read"),
        ("00", "cannot be read"),
    ],
)
def test_a_country_key_that_is_weak_or_none_costs_that_country_its_place(
    public: str, reason: str
) -> None:
    def weak(role: DelegatedRole, delegations: Delegations) -> None:
        delegations.keys["weak"] = SSlibKey("weak", "ed25519", "ed25519", {"public": public})
        role.keyids.append("weak")

    only_spoilt(seen(change=delegating("XB", weak)), "XB", reason)


def test_refuses_a_root_with_a_key_of_small_order() -> None:
    root = Metadata[Root].from_bytes(ROOT).signed
    root.add_key(SSlibKey("weak", "ed25519", "ed25519", {"public": "00" * 32}), "targets")
    with pytest.raises(Refusal, match="small order"):
        trusted_root(sign(root, keys("root", 1)), "root.json")
