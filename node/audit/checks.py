"""The checks that audits make, and what each says where it holds."""

from enum import StrEnum
from typing import Final


class Check(StrEnum):
    """What is checked; the value is stable and is what scripts see."""

    FORMAT = "format"
    TRUST_LIST = "trust-list"
    OWNER = "owner"
    ENTRY_ORDER = "entry-order"
    GRANT = "grant"
    ERASED = "erased"
    STATEMENT = "statement"
    SPEAKER = "speaker"
    TIME_ORDER = "time-order"
    TRUST_REFERENCE = "trust-reference"
    CHECKPOINT_ORDER = "checkpoint-order"
    CHECKPOINT_SIGNATURE = "checkpoint-signature"
    CHECKPOINT_ROOT = "checkpoint-root"
    JOURNAL_END = "journal-end"
    REGISTRY = "registry"
    QUERY_SEAL = "query-seal"
    ANSWER_SEAL = "answer-seal"
    CONCLUSION_SEAL = "conclusion-seal"
    ERASURE_SEAL = "erasure-seal"
    CASE_SEAL = "case-seal"
    CASE_STEPS = "case-steps"
    CASE_LIMITS = "case-limits"
    NOTICE_SEAL = "notice-seal"
    PARTIES = "parties"
    ANSWERS_QUERY = "answers-query"
    TIMES = "times"
    DISCLOSURE = "disclosure"
    AGREEMENT = "agreement"
    AGREEMENT_NAMED = "agreement-named"
    CONCLUSION = "conclusion"
    ANSWERED_ONCE = "answered-once"
    RECOMPUTED = "recomputed"
    SETTLED = "settled"
    BOTH_SIDES = "both-sides"
    ONE_TREE = "one-tree"
    TILES = "tiles"
    NOTHING_ELSE = "nothing-else"
    UNANSWERED = "question-without-answer"
    UNASKED = "answer-without-question"
    ANSWERS_DIFFER = "answers-differ"
    LEFT_OUT = "held-by-one-side"
    DEADLINE = "deadline"
    CLOCKS = "clocks"
    LIST_LEFT = "list-left"
    AWARD_DATE = "award-date"
    LATE_AWARD = "late-award"
    EDITED = "edited-after-query"
    BURST = "burst"
    ISSUER = "issuer"
    CODE_BURST = "share-code-burst"
    WITNESSES = "witnesses"
    FORK_HEADS = "fork-heads"
    FORK = "fork"
    RECORD = "record"
    RECORD_SEAL = "record-seal"


TITLES: Final = {
    Check.FORMAT: "the file reads from its first to its last byte",
    Check.TRUST_LIST: "trust lists are signed by the federation's root and complete",
    Check.OWNER: "the journal is that of a node on the trust list",
    Check.ENTRY_ORDER: "entries follow each other without a gap",
    Check.GRANT: "the file holds what was granted, as the journal says",
    Check.ERASED: "what is missing was erased under a rule, and what was erased is missing",
    Check.STATEMENT: "statements read strictly",
    Check.SPEAKER: "statements are said by the journal's owner",
    Check.TIME_ORDER: "times do not go back",
    Check.TRUST_REFERENCE: "statements name a trust list in force at the node",
    Check.CHECKPOINT_ORDER: "checkpoints grow and stand after what they cover",
    Check.CHECKPOINT_SIGNATURE: "checkpoints carry the node's signatures",
    Check.CHECKPOINT_ROOT: "checkpoints are those of the entries",
    Check.JOURNAL_END: "the last entry stands under a checkpoint",
    Check.REGISTRY: "registry and consent events fit what came before",
    Check.QUERY_SEAL: "queries stand in the asking node's journal",
    Check.ANSWER_SEAL: "answers stand in the answering node's journal",
    Check.CONCLUSION_SEAL: "the conclusion stands in the asking node's journal",
    Check.NOTICE_SEAL: "notices that were taken stand in the peer's journal",
    Check.ERASURE_SEAL: "requests for erasure and acknowledgements stand in the peer's journal",
    Check.CASE_SEAL: "steps of cases and receipts stand in the peer's journal",
    Check.CASE_STEPS: "steps of cases were taken by who may take them, when they may",
    Check.CASE_LIMITS: "steps of cases kept their time limits",
    Check.PARTIES: "asking and answering node are who they should be",
    Check.ANSWERS_QUERY: "answers answer the query beside them, at their own position",
    Check.TIMES: "answers were given in time",
    Check.DISCLOSURE: "answers show only what was asked for",
    Check.AGREEMENT: "queries name an agreement in force that covers their purpose",
    Check.AGREEMENT_NAMED: "the query names the agreement that it relies on",
    Check.CONCLUSION: "conclusions say what the query and the answer say",
    Check.ANSWERED_ONCE: "no query is answered twice",
    Check.RECOMPUTED: "answers are those that the registry gives",
    Check.SETTLED: "every query is concluded or given up",
    Check.BOTH_SIDES: "what one journal holds of another stands in the other",
    Check.ONE_TREE: "a node showed its peers the checkpoints of the journal it gave",
    Check.TILES: "tiles are what the entries make",
    Check.NOTHING_ELSE: "nothing else stands beside them",
    Check.UNANSWERED: "every question has its answer in the other journal",
    Check.UNASKED: "every answer has its question in the other journal",
    Check.ANSWERS_DIFFER: "both journals tell the same answer",
    Check.LEFT_OUT: "what one side holds under the other's seal, the other has too",
    Check.DEADLINE: "answers were said, and taken or given up, by their deadline",
    Check.CLOCKS: "the clocks of both nodes agree within two seconds",
    Check.LIST_LEFT: "nothing is said under a trust list that the other side had left",
    Check.AWARD_DATE: "awards are not dated after they entered the registry",
    Check.LATE_AWARD: "awards entered the registry soon after their date",
    Check.EDITED: "credentials were not edited after a query about them",
    Check.BURST: "awards entered the registry at a steady rate",
    Check.ISSUER: "issuers were accredited for what they awarded, when they awarded it",
    Check.CODE_BURST: "share codes were not used in bursts",
    Check.WITNESSES: "as many witnesses have cosigned as the federation's policy requires",
    Check.FORK_HEADS: "both heads carry the signatures of the journal's own keys",
    Check.FORK: "the heads contradict each other: the journal is forked",
    Check.RECORD: "the record is the one that the node journalled",
    Check.RECORD_SEAL: "the statement about it stands in that node's journal",
}
