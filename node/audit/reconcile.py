"""Reconciling the journals of several nodes, exchange by exchange: who can be shown to be at fault.

A fault is shown by what the node itself has sealed: its own statement, or a checkpoint of its own
over one that its journal no longer has. What one side merely claims shows nothing: then the
finding is INDETERMINATE and names those who may be at fault. A node's clock is its own word: it
counts against the node, never against another.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from node.audit.archive import OVERLAP_MAX_US
from node.audit.exchange import CLOCK_TOLERANCE_US, Answered, Asked, Concluded
from node.audit.findings import SPAN, Check, Finding, Findings, Place, Verdict, span_in_words
from node.audit.known import Known
from node.audit.slips import (
    Address,
    AloneSlip,
    AnswerSlip,
    ConclusionSlip,
    GivenUpSlip,
    Kind,
    LetGoSlip,
    QuerySlip,
    Slip,
    ToldSlip,
    Written,
)
from node.errors import Code
from node.model.statement import BODY_NUMBERS, Answer, Conclusion, NoAnswer, TrustReference

_ANSWERING: Final = (BODY_NUMBERS[Answer],)
_SETTLING: Final = (BODY_NUMBERS[Conclusion], BODY_NUMBERS[NoAnswer])
CLOCKS_APART_MAX_US: Final = 2 * 1_000_000
"""How far the clocks of two nodes may differ unremarked."""


class _Answer:
    """An answer as its own journal has it."""

    def __init__(self, journal: int, slip: AnswerSlip) -> None:
        self.journal = journal
        self.slip = slip
        self.said = slip.answered


def reconcile(
    slips: Iterable[tuple[Address, Slip]], known: Known, findings: Findings, written: Written
) -> None:
    """Compare what the journals say of one query; what only one side holds waits for later."""
    _Exchange(slips, known, findings, written).compare()


class _Exchange:
    def __init__(
        self,
        slips: Iterable[tuple[Address, Slip]],
        known: Known,
        findings: Findings,
        written: Written,
    ) -> None:
        self._known = known
        self._findings = findings
        self._written = written
        self._told: dict[tuple[str, str], str] = {}
        self._let_go: dict[str, int] = {}
        self._asked: tuple[int, Asked] | None = None
        self._asked_in = 0
        self._concluded: ConclusionSlip | None = None
        self._given_up: GivenUpSlip | None = None
        self._answers: dict[tuple[str, int, bytes], _Answer] = {}
        for address, slip in slips:
            match slip:
                case ToldSlip(peer=peer, received=received):
                    told = "asked for that itself" if received else "was told"
                    self._told[known.ends[address.journal].node, peer] = told
                case LetGoSlip(index=index):
                    self._let_go[known.ends[address.journal].node] = index
                case QuerySlip() if self._asked is None:
                    self._asked = address.journal, slip.asked
                case AnswerSlip():
                    said = slip.answered
                    node = known.ends[address.journal].node
                    answer = _Answer(address.journal, slip)
                    self._answers.setdefault((node, said.index, said.commitment), answer)
                case ConclusionSlip() if self._concluded is None:
                    self._concluded = slip
                case GivenUpSlip() if self._given_up is None:
                    self._given_up = slip

    def compare(self) -> None:
        if self._asked is None:
            for answer in self._answers.values():
                self._unasked(answer)
            return
        journal, asked = self._asked
        self._asked_in = journal
        if asked.audience not in self._known.by_node:
            return
        place = self._known.place(journal, asked.index)
        answers = [one for (node, *_), one in self._answers.items() if node == asked.audience]
        if answers:
            self._answered(place, asked, answers)
        else:
            self._unanswered(place, asked)
        if self._given_up is not None:
            self._check_patience(asked, self._given_up)

    # --- one side has nothing --------------------------------------------------------------

    def _unasked(self, answer: _Answer) -> None:
        """There is an answer, and no journal given holds its question."""
        place, held = self._place(answer), answer.slip.held
        speaker = answer.said.speaker
        if held is not None and held.speaker not in self._known.by_node:
            return  # its journal was not given
        if held is not None and answer.slip.sealed:
            self._hold_alone(Check.UNASKED, answer.journal, answer.said.index, "question", held)
            return
        self._add(
            Check.UNASKED,
            place,
            f"{speaker} answers a question that it cannot show under a seal, and that no journal "
            "given holds",
            not_shown=(speaker,) if held is None else (speaker, held.speaker),
        )

    def _unanswered(self, place: Place, asked: Asked) -> None:
        """There is a question, and the journal of the node that was asked has no answer."""
        asker, audience = asked.speaker, asked.audience
        concluded = self._concluded
        if concluded is not None:
            beside = Place(place.journal, concluded.concluded.index)
            if concluded.held is not None and concluded.sealed:
                index = concluded.concluded.index
                self._hold_alone(Check.LEFT_OUT, self._asked_in, index, "answer", concluded.held)
            else:
                self._add(
                    Check.UNANSWERED,
                    place,
                    f"{asker} concluded on an answer that it cannot show under a seal of "
                    f"{audience}, whose journal has none",
                    beside=(beside,),
                    not_shown=(asker, audience),
                )
            return
        given_up = self._given_up
        if self._lacks(Check.UNANSWERED, place, audience, _ANSWERING, 0):
            return
        if self._known.by_node[audience].latest < asked.said_at:
            told = (
                f"the journal given for {audience} says nothing since; it may have been exported "
                "before the question"
            )
        elif given_up is None:
            told = f"{audience} has no answer, and {asker} has not settled it"
        elif given_up.code is Code.PEER_SILENT:
            told = (
                f"{audience} has no answer, and {asker} gave up; whether the question arrived "
                "cannot be shown"
            )
        else:
            told = (
                f"{audience} has no answer; {asker} says that it was refused "
                f"({given_up.code}), which is not under a seal"
            )
        self._add(Check.UNANSWERED, place, told, not_shown=(asker, audience))

    def _hold_alone(
        self, check: Check, journal: int, place: int, what: str, held: Asked | Answered
    ) -> None:
        """One side holds the other's statement under its seal, and the other's journal does not.

        Whether that one was erased or withheld there is found by its commitment.
        """
        holder, other = self._known.ends[journal].node, held.speaker
        slip = AloneSlip(
            check.value,
            place,
            what,
            holder,
            other,
            held.index,
            self._told.get((other, holder), ""),
            self._let_go.get(holder, -1),
        )
        self._written.add(Address(Kind.GONE, held.commitment, 2, journal, place), slip)

    def _lacks(
        self, check: Check, place: Place, node: str, kinds: Sequence[int], since: int
    ) -> bool:
        """Tell whether what is looked for may be among what a node's journal does not give."""
        end = self._known.by_node[node]
        why = end.lacks(kinds, since, end.size)
        if why:
            sentence = f"what {node} says of it may be among what was {why} there"
            self._findings.recur(Finding(check, Verdict.INDETERMINATE, place, sentence))
        return bool(why)

    # --- both sides have something ---------------------------------------------------------

    def _answered(self, place: Place, asked: Asked, answers: Sequence[_Answer]) -> None:
        findings, audience = self._findings, asked.audience
        first = answers[0]
        beside = self._place(first)
        findings.passed(Check.UNASKED, len(answers))
        if len({one.said.commitment for one in answers}) > 1:
            self._add(
                Check.ANSWERS_DIFFER,
                beside,
                f"{audience} answered one question {len(answers)} times",
                beside=(place, *(self._place(one) for one in answers[1:])),
                at_fault=(audience,),
            )
        if self._concluded is not None:
            findings.passed(Check.UNANSWERED)
            taken = self._taken(place, asked, answers, self._concluded)
            self._compare_clocks(place, asked, taken.said, self._concluded.concluded)
            first = taken
        elif self._given_up is None:
            if not self._lacks(Check.UNANSWERED, place, asked.speaker, _SETTLING, asked.index):
                self._add(
                    Check.UNANSWERED,
                    place,
                    f"{audience} has an answer, and {asked.speaker} has not settled the question",
                    beside=(beside,),
                    not_shown=(asked.speaker, audience),
                )
        else:
            self._add(
                Check.UNANSWERED,
                place,
                f"{audience} has an answer, and {asked.speaker} says that none came; whether it "
                "was sent, and arrived, cannot be shown",
                beside=(beside, Place(place.journal, self._given_up.index)),
                not_shown=(asked.speaker, audience),
            )
        self._check_deadline(place, asked, first)
        self._check_list(
            place,
            asked.speaker,
            "asked",
            other=audience,
            named=asked.trust,
            said_at=asked.said_at,
        )
        self._check_list(
            self._place(first),
            audience,
            "answered",
            other=asked.speaker,
            named=first.said.trust,
            said_at=first.said.said_at,
        )

    def _taken(
        self, place: Place, asked: Asked, answers: Sequence[_Answer], slip: ConclusionSlip
    ) -> _Answer:
        """Compare the answer that was taken with those that were given; return the one meant."""
        findings, concluded, held = self._findings, slip.concluded, slip.held
        asker, audience = asked.speaker, asked.audience
        here = Place(place.journal, concluded.index)
        wanted = concluded.answer if held is None or not slip.sealed else held.commitment
        meant = next((one for one in answers if one.said.commitment == wanted), None)
        if meant is None and held is not None and slip.sealed:
            self._hold_alone(Check.LEFT_OUT, self._asked_in, concluded.index, "answer", held)
            return answers[0]
        if meant is None:
            self._add(
                Check.ANSWERS_DIFFER,
                here,
                f"{asker} took another answer than {audience} tells, and cannot show it under a "
                "seal",
                beside=(self._place(answers[0]),),
                not_shown=(asker, audience),
            )
            return answers[0]
        findings.passed(Check.LEFT_OUT)
        faults = []
        if concluded.answer != meant.said.commitment:
            faults.append("names another answer than the one it holds")
        if concluded.outcome is not meant.said.outcome:
            faults.append(
                f"concludes {concluded.outcome.name} from an answer that says "
                f"{meant.said.outcome.name}"
            )
        for fault in faults:
            self._add(
                Check.ANSWERS_DIFFER,
                here,
                f"{asker} {fault}",
                beside=(self._place(meant),),
                at_fault=(asker,),
            )
        if not faults:
            findings.passed(Check.ANSWERS_DIFFER)
        return meant

    # --- times -----------------------------------------------------------------------------

    def _check_deadline(self, place: Place, asked: Asked, answer: _Answer) -> None:
        late_us = answer.said.said_at - asked.answer_by
        if late_us > 0:
            shown = late_us > CLOCK_TOLERANCE_US
            self._add(
                Check.DEADLINE,
                self._place(answer),
                f"{asked.audience} answered {span_in_words(late_us)} after the deadline, by its "
                "own clock" + ("" if shown else "; the clocks may differ by as much"),
                beside=(place,),
                at_fault=(asked.audience,) if shown else (),
                not_shown=() if shown else (asked.audience,),
                weight=late_us,
            )
        else:
            self._findings.passed(Check.DEADLINE)
        if self._concluded is None:
            return
        late_us = self._concluded.concluded.said_at - asked.answer_by
        if late_us > CLOCK_TOLERANCE_US:
            self._add(
                Check.DEADLINE,
                Place(place.journal, self._concluded.concluded.index),
                f"{asked.speaker} took the answer {span_in_words(late_us)} after the deadline "
                "that it had set, by its own clock",
                beside=(place,),
                at_fault=(asked.speaker,),
                weight=late_us,
            )

    def _check_patience(self, asked: Asked, given_up: GivenUpSlip) -> None:
        """A node that hears nothing waits until its own deadline."""
        early_us = asked.answer_by - given_up.said_at
        if given_up.code is not Code.PEER_SILENT or early_us <= 0 or self._asked is None:
            return
        self._add(
            Check.DEADLINE,
            self._known.place(self._asked[0], given_up.index),
            f"{asked.speaker} gave up {span_in_words(early_us)} before the deadline that it had "
            "set, by its own clock",
            at_fault=(asked.speaker,),
            weight=early_us,
        )

    def _compare_clocks(
        self, place: Place, asked: Asked, answered: Answered, concluded: Concluded
    ) -> None:
        """An answer is said after its question and before the conclusion, whatever the clocks."""
        asker, audience = asked.speaker, asked.audience
        behind_us = asked.said_at - answered.said_at
        ahead_us = answered.said_at - concluded.said_at
        apart_us = max(behind_us, ahead_us)
        if apart_us <= CLOCKS_APART_MAX_US:
            self._findings.passed(Check.CLOCKS)
            return
        way = "behind" if behind_us >= ahead_us else "ahead of"
        self._findings.recur(
            Finding(
                Check.CLOCKS,
                Verdict.INDETERMINATE,
                place,
                f"on {_day(asked.said_at)} the clock of {audience} was at least {SPAN} {way} that "
                f"of {asker}; which of the two is wrong cannot be shown",
                not_shown=(asker, audience),
            ),
            apart_us,
        )

    def _check_list(  # noqa: PLR0913 - who said what under which list, and who had left it
        self,
        place: Place,
        speaker: str,
        did: str,
        *,
        other: str,
        named: TrustReference,
        said_at: int,
    ) -> None:
        left_at = self._known.left_at.get(other, {}).get(named)
        if left_at is None or said_at <= left_at + OVERLAP_MAX_US:
            self._findings.passed(Check.LIST_LEFT)
            return
        self._findings.recur(
            Finding(
                Check.LIST_LEFT,
                Verdict.INDETERMINATE,
                place,
                f"{speaker} {did} under trust list version {named.version}, up to {SPAN} after "
                f"{other} had left it for a newer one; whether that had reached {speaker} cannot "
                "be shown",
                not_shown=(speaker,),
            ),
            said_at - left_at,
        )

    # ---------------------------------------------------------------------------------------

    def _place(self, answer: _Answer) -> Place:
        return self._known.place(answer.journal, answer.said.index)

    def _add(  # noqa: PLR0913 - a finding and who is named in it
        self,
        check: Check,
        place: Place,
        sentence: str,
        *,
        beside: tuple[Place, ...] = (),
        at_fault: tuple[str, ...] = (),
        not_shown: tuple[str, ...] = (),
        weight: int = 0,
    ) -> None:
        """Record a finding: FAIL where a fault is shown, INDETERMINATE where none is."""
        verdict = Verdict.FAIL if at_fault else Verdict.INDETERMINATE
        self._findings.add(
            Finding(check, verdict, place, sentence, beside, at_fault, not_shown, weight)
        )


def _day(at: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)).date().isoformat()
