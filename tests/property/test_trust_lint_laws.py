"""Whatever is found on a disk, it is looked over and compared without a complaint."""

from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.model.listing import Kind, Listing, listing_of
from node.model.trust_diff import diff
from node.model.trust_lint import lint
from tests.federation import START, compose, trust_files

_KINDS: tuple[Kind, ...] = ("sources", "staged", "published", "copy")


@cache
def _good() -> Listing:
    return listing_of(compose(trust_files()))


@st.composite
def _damaged(draw: st.DrawFn, content: bytes) -> bytes:
    if draw(st.booleans()):
        return draw(st.binary(max_size=60))
    at = draw(st.integers(0, max(0, len(content) - 1)))
    return content[:at] + draw(st.binary(max_size=3)) + content[at + 1 :]


@st.composite
def _listings(draw: st.DrawFn) -> Listing:
    good = _good()
    files, metadata = dict(good.files), dict(good.metadata)
    for path in draw(st.lists(st.sampled_from(sorted(files)), max_size=3)):
        files[path] = draw(_damaged(files[path]))
    for role in draw(st.lists(st.sampled_from(sorted(metadata)), max_size=2)):
        metadata[role] = draw(_damaged(metadata[role]))
    for path in draw(st.lists(st.text(max_size=12), max_size=2)):
        files[path] = draw(st.binary(max_size=20))
    roots = (draw(_damaged(good.roots[0])),) if draw(st.booleans()) else good.roots
    return Listing(
        kind=draw(st.sampled_from(_KINDS)),
        files=files,
        metadata=metadata,
        roots=roots,
        waiting=frozenset(draw(st.lists(st.sampled_from(sorted(metadata)), max_size=2))),
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_listings(), st.integers(-(2**62), 2**62) | st.just(START))
def test_looking_a_list_over_never_raises(listing: Listing, now: int) -> None:
    for finding in lint(listing, now):
        assert finding.sentence.endswith(".")
        assert "\n" not in finding.sentence


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_listings(), _listings())
def test_comparing_two_lists_never_raises(one: Listing, other: Listing) -> None:
    for change in (*diff(one, other), *diff(_good(), other)):
        assert change.sentence.endswith(".")
