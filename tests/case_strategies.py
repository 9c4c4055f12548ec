"""Arbitrary statements about cases."""

from hypothesis import strategies as st

from node.model.case_bodies import (
    Author,
    CaseConcluded,
    CaseKind,
    CaseOpening,
    CasePart,
    CaseReceived,
    CaseStep,
    Ruling,
    StepKind,
    Subject,
    SubjectKind,
)
from node.model.cases import Terms, encode_terms

RECIPIENT = "age1" + "q" * 58
_IDS = st.binary(min_size=16, max_size=16)
_DIGESTS = st.binary(min_size=32, max_size=32)
_NODES = st.sampled_from(("XA", "XB", "XC"))
_PARTS = st.lists(
    st.builds(CasePart, _DIGESTS, st.integers(1, 8 << 20), st.sampled_from(("text", "experience"))),
    min_size=1,
    max_size=4,
    unique_by=lambda part: part.digest,
).map(tuple)
_OPENINGS = st.builds(
    CaseOpening,
    st.sampled_from(CaseKind),
    st.builds(Subject, st.sampled_from(SubjectKind), _DIGESTS, st.integers(0, 2**62)),
    _NODES,
    st.just("xa-xb"),
    st.integers(1, 9),
    st.sampled_from(("", "crafts")),
    st.just(encode_terms(Terms(documents=("experience",)))),
    st.just(RECIPIENT),
)


@st.composite
def _steps(draw: st.DrawFn) -> CaseStep:
    kind = draw(st.sampled_from(StepKind))
    grounded = kind in {StepKind.DECIDED, StepKind.EXTENDED, StepKind.ERASED}
    ruled = kind in {StepKind.DECIDED, StepKind.LAPSED}
    return CaseStep(
        draw(_IDS),
        draw(_NODES),
        kind,
        draw(st.sampled_from(Author)),
        draw(st.integers(0, 1_000)),
        draw(_PARTS),
        draw(st.sampled_from(Ruling)) if ruled else None,
        "Article 9(2)" if grounded else "",
        ("experience", "identity") if kind is StepKind.DOCUMENTS_ASKED else (),
        draw(_OPENINGS) if kind is StepKind.OPENED else None,
    )


of_cases = st.one_of(
    _steps(),
    st.builds(CaseReceived, _IDS, _DIGESTS, st.integers(1, 1_000), st.just(RECIPIENT)),
    st.builds(CaseReceived, _IDS, _DIGESTS, st.just(0), st.just(RECIPIENT), st.just("too late")),
    st.builds(CaseConcluded, _IDS, _DIGESTS, _DIGESTS, st.integers(0, 1_000)),
)
