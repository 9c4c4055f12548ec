"""Laws of trust lists: nothing altered counts, nothing left out adds, nobody spoils another."""

from functools import cache
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import Refusal
from node.model.trust import TrustBundle, TrustView, complete, resolve
from node.store.trust_files import decode_bundle, encode_bundle
from tests.federation import START, compose, make_root, trust_files

ROOT = make_root()
FILES = trust_files()
BUNDLE = compose(FILES)
METADATA = sorted(BUNDLE.metadata.keys() - {"1.root.json"})  # that one is the trusted root itself
OTHERS = sorted(path for path in FILES if "/XB/" in path)
texts = st.dictionaries(st.text(max_size=4), st.binary(max_size=20), max_size=4)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


@cache
def honest() -> TrustView:
    """Return the view of the list as it is."""
    return resolve(BUNDLE, ROOT, START, whole=True)


def says_no_more_than_honest(view: TrustView) -> None:
    """Check that all a view says is what the honest one says."""
    whole = honest()
    assert view.reference == whole.reference
    assert view.nodes.items() <= whole.nodes.items()
    assert view.node_by_pin.items() <= whole.node_by_pin.items()
    assert view.agreements.items() <= whole.agreements.items()
    assert all(whole.issuers[key] == issuer for key, issuer in view.issuers.items())
    assert view.seals_required >= whole.seals_required


def resolved(bundle: TrustBundle, *, whole: bool) -> TrustView | None:
    """Resolve a list; None where it is refused."""
    try:
        return resolve(bundle, ROOT, START, whole=whole)
    except Refusal:
        return None


@settings(max_examples=300)
@given(st.sampled_from(METADATA), st.integers(0, 2**20), st.integers(1, 255), st.booleans())
def test_no_metadata_with_a_byte_changed_count(
    name: str, place: int, difference: int, whole: bool
) -> None:
    content = bytearray(BUNDLE.metadata[name])
    content[place % len(content)] ^= difference
    view = resolved(
        TrustBundle({**BUNDLE.metadata, name: bytes(content)}, BUNDLE.files), whole=whole
    )
    if view is not None:
        says_no_more_than_honest(view)
        assert name.removeprefix("country-").removesuffix(".json") not in view.nodes
        assert view.faults


@settings(max_examples=200)
@given(st.sampled_from(sorted(FILES)), st.integers(0, 2**20), st.integers(1, 255), st.booleans())
def test_no_file_with_a_byte_changed_counts(
    path: str, place: int, difference: int, whole: bool
) -> None:
    content = bytearray(FILES[path])
    content[place % len(content)] ^= difference
    view = resolved(TrustBundle(BUNDLE.metadata, {**FILES, path: bytes(content)}), whole=whole)
    if view is not None:
        says_no_more_than_honest(view)
        assert path.split("/")[1] not in view.nodes
        assert path in view.missing


@given(st.sets(st.sampled_from(METADATA)), st.sets(st.sampled_from(sorted(FILES))), st.booleans())
def test_a_list_with_parts_left_out_says_no_more_than_the_whole(
    metadata: set[str], files: set[str], whole: bool
) -> None:
    bundle = TrustBundle(
        {name: one for name, one in BUNDLE.metadata.items() if name not in metadata},
        {path: one for path, one in BUNDLE.files.items() if path not in files},
    )
    view = resolved(bundle, whole=whole)
    if view is not None:
        says_no_more_than_honest(view)
        kept = complete(bundle, view)
        again = resolve(kept, ROOT, START, whole=whole)
        assert (again.nodes, again.agreements) == (view.nodes, view.agreements)


@settings(max_examples=200)
@given(st.sampled_from(OTHERS), st.binary(max_size=200) | values.map(msgspec.json.encode))
def test_whatever_a_country_signs_it_spoils_itself_at_most(path: str, content: bytes) -> None:
    view = resolve(compose({**FILES, path: content}), ROOT, START, whole=True)
    assert view.nodes.keys() >= {"XA", "XC"}
    assert view.nodes["XA"] == honest().nodes["XA"]
    pair = frozenset({"XA", "XC"})
    assert view.agreements[pair] == honest().agreements[pair]
    assert all(fault.startswith("country-XB: ") for fault in view.faults)


@settings(max_examples=200)
@given(st.sampled_from(OTHERS), st.data())
def test_whatever_field_a_country_gets_wrong_it_spoils_itself_at_most(
    path: str, data: st.DataObject
) -> None:
    content = msgspec.json.decode(FILES[path])
    place = content
    while isinstance(place, dict | list) and place:
        keys = sorted(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            place[key] = data.draw(values)
            break
        place = place[key]
    changed = compose({**FILES, path: msgspec.json.encode(content)})
    view = resolve(changed, ROOT, START, whole=True)
    assert view.nodes.keys() >= {"XA", "XC"}
    assert all(fault.startswith("country-XB: ") for fault in view.faults)


@given(st.binary(max_size=300))
def test_bytes_that_nobody_signed_are_no_trust_list(content: bytes) -> None:
    for name in METADATA:
        if not name.startswith("country-"):
            bundle = TrustBundle({**BUNDLE.metadata, name: content}, BUNDLE.files)
            assert resolved(bundle, whole=False) is None


@given(st.builds(TrustBundle, texts, texts))
def test_the_archive_gives_back_what_it_took(bundle: TrustBundle) -> None:
    assert decode_bundle(encode_bundle(bundle)) == bundle
