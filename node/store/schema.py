"""The tables. The journal is the truth; the others are its fold, or what others said."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

# In SQLite only an INTEGER primary key is the row id itself; any other has an index of its own.
_Position: Final = BigInteger().with_variant(Integer, "sqlite")
metadata: Final = MetaData()
NUMBERS_OF_CREDENTIALS: Final = frozenset({"number", "credential"})
"""Text columns of these names hold a credential's number; their rows go when it is erased."""

alembic_version: Final = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), primary_key=True),
    comment="which migration the tables are at",
)
head: Final = Table(
    "head",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("node", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("touched", SmallInteger, nullable=False),
    comment="one row: the journal's newest signed state; moves by compare-and-swap only; "
    "touched means nothing and changes whenever somebody tries whether the disk can write",
)
holder_key: Final = Table(
    "holder_key",
    metadata,
    Column("id", _Position, primary_key=True, autoincrement=False),
    Column("master", Text, nullable=False),
    Column("wrapped", LargeBinary),
    Column("credentials", Integer, nullable=False),
    Column("made_for", Text, unique=True),
    comment="the keys that personal data is encrypted with, each wrapped by a master key: a "
    "holder's, and so many credentials need it still; or one of a day and a kind; wrapped is NULL "
    "once it was destroyed",
)
Index(
    "holder_key_unneeded",
    holder_key.c.id,
    sqlite_where=text("credentials = 0 AND made_for IS NULL AND wrapped IS NOT NULL"),
    postgresql_where=text("credentials = 0 AND made_for IS NULL AND wrapped IS NOT NULL"),
)
entry: Final = Table(
    "entry",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("key", BigInteger),
    Column("salt", LargeBinary),
    Column("statement", LargeBinary),
    comment="own statements, exact bytes; with a key, statement is salt and statement encrypted; "
    "salt and statement are NULL where they were erased, in place: a row that goes lets SQLite "
    "move its neighbours, and old copies of them stay behind",
)
erased: Final = Table(
    "erased",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=False),
    Column("by", BigInteger, nullable=False),
    comment="entries whose statements were erased, and where the Erasure stands that says so",
)
unwiped: Final = Table(
    "unwiped",
    metadata,
    Column("by", _Position, primary_key=True, autoincrement=False),
    Column("thorough", SmallInteger, nullable=False),
    comment="Erasures of which the database's log may still hold something; with thorough, the "
    "free space within its pages too",
)
erasure_request: Final = Table(
    "erasure_request",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=False),
    Column("commitment", LargeBinary, nullable=False),
    Column("peer", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("told", Text, nullable=False),
    Column("settled", BigInteger),
    comment="own requests to peers: how often they were sent, when again, what came back last; "
    "settled is the position of the ErasureConcluded",
)
case_file: Final = Table(
    "case_file",
    metadata,
    Column("case_id", LargeBinary, primary_key=True),
    Column("peer", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    comment="cases: the other node, the API key that opened it here, the own age identity for its "
    "documents and the other node's recipient",
)
case_step: Final = Table(
    "case_step",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=False),
    Column("case_id", LargeBinary, nullable=False, index=True),
    Column("own", SmallInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("commitment", LargeBinary, nullable=False),
    Column("settled", BigInteger),
    Column("tries", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("told", Text, nullable=False),
    comment="steps of cases: own ones where they stand, others where their receipt stands; number "
    "is the place in the timeline, 0 for none; settled is the position of the CaseConcluded",
)
Index(
    "case_step_open",
    case_step.c.position,
    sqlite_where=case_step.c.settled.is_(None),
    postgresql_where=case_step.c.settled.is_(None),
)
case_part: Final = Table(
    "case_part",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("case_id", LargeBinary, nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("word", Text, nullable=False),
    Column("own", SmallInteger, nullable=False),
    Column("salt", LargeBinary),
    Column("content", LargeBinary),
    Column("tries", Integer, nullable=False),
    Column("next_at", BigInteger),
    comment="texts and documents of cases; salt and content are NULL where they have not come or "
    "were erased, in place; next_at is when to ask for it again, NULL for never",
)
tile: Final = Table(
    "tile",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
    comment="Merkle tiles (C2SP tlog-tiles), the partial ones of the right edge included",
)
bundle: Final = Table(
    "bundle",
    metadata,
    Column("number", _Position, primary_key=True, autoincrement=False),
    Column("commitments", LargeBinary, nullable=False),
    comment="the leaf entries themselves, 256 in a row, the partial row of the right edge too; "
    "they outlive the statements and salts that they were made of",
)
checkpoint: Final = Table(
    "checkpoint",
    metadata,
    Column("size", _Position, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
    comment="every checkpoint that this journal signed",
)
counterpart: Final = Table(
    "counterpart",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=False),
    Column("peer", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("peer_index", BigInteger, nullable=False),
    Column("path", LargeBinary),
    Column("key", BigInteger),
    Column("salt", LargeBinary),
    Column("statement", LargeBinary),
    comment="the peer's sealed statement that the own entry at this position rests on; encrypted "
    "and erased as it is, in place",
)
peer_checkpoint: Final = Table(
    "peer_checkpoint",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("peer", Text, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("proved", SmallInteger, nullable=False),
    comment="peers' checkpoints as seen; two roots for one size are a fork; proved is 1 once it is "
    "known to be a prefix of the head in peer_head, and 2 where besides no statement came under it "
    "and its hour is not thinned out; of an hour that has passed the largest of these stays, as 1",
)
Index(
    "peer_checkpoint_unproved",
    peer_checkpoint.c.origin,
    peer_checkpoint.c.size,
    sqlite_where=peer_checkpoint.c.proved == 0,
    postgresql_where=peer_checkpoint.c.proved == 0,
)
Index(
    "peer_checkpoint_bare",
    peer_checkpoint.c.origin,
    peer_checkpoint.c.seen_at,
    sqlite_where=peer_checkpoint.c.proved == 2,  # noqa: PLR2004 - written out for the index
    postgresql_where=peer_checkpoint.c.proved == 2,  # noqa: PLR2004
)
peer_head: Final = Table(
    "peer_head",
    metadata,
    Column("origin", Text, primary_key=True),
    Column("peer", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("cosignatures", LargeBinary, nullable=False),
    Column("cosigned_at", BigInteger, nullable=False),
    comment="of each peer's journal the newest head that this node cosigned; it only grows",
)
cosignature: Final = Table(
    "cosignature",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("witness", Text, primary_key=True),
    Column("lines", LargeBinary, nullable=False),
    Column("hour", BigInteger, nullable=False),
    comment="peers' cosignatures of own checkpoints; of an hour that has passed those of one "
    "checkpoint stay, the one that most have cosigned",
)
counterpart_proof: Final = Table(
    "counterpart_proof",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=False),
    Column("path", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False),
    comment="for a receipt: the peer's statement at this position of counterpart under a later, "
    "cosigned checkpoint of its journal",
)
evidence: Final = Table(
    "evidence",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("peer", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("key", BigInteger),
    Column("content", LargeBinary, nullable=False),
    comment="what a peer sent that failed its checks, as it came; encrypted where it has a key",
)
answered: Final = Table(
    "answered",
    metadata,
    Column("said_at", BigInteger, primary_key=True, autoincrement=False),
    Column("commitment", LargeBinary, primary_key=True),
    Column("position", BigInteger, nullable=False),
    comment="queries of peers, by time and commitment, and where their one answer stands; "
    "the time comes first so that a batch writes neighbouring pages",
    sqlite_with_rowid=False,
)
question: Final = Table(
    "question",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=False),
    Column("commitment", LargeBinary, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("settled", BigInteger),
    comment="own queries; settled is the position of the Conclusion or NoAnswer",
)
Index(
    "question_open",
    question.c.position,
    sqlite_where=question.c.settled.is_(None),
    postgresql_where=question.c.settled.is_(None),
)
credential: Final = Table(
    "credential",
    metadata,
    Column("number", Text, primary_key=True),
    Column("key", BigInteger, nullable=False),
    Column("holder", LargeBinary, nullable=False, index=True),
    Column("personal", LargeBinary, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("award_type", SmallInteger, nullable=False),
    Column("isco08", Text, nullable=False),
    Column("level_national", Text, nullable=False),
    Column("level_eqf", SmallInteger, nullable=False),
    Column("awarded_on", Text, nullable=False),
    Column("expires_on", Text),
    Column("status", SmallInteger, nullable=False),
    Column("assessment_method", SmallInteger, nullable=False),
    Column("language", Text, nullable=False),
    Column("units", Text, nullable=False),
    Column("valid_from", Text),
    Column("registered", BigInteger, nullable=False),
    Column("document", LargeBinary),
    comment="the registry, as of the newest event about each; holder is a keyed hash; personal "
    "(name, birth date and what it becomes by itself) and document (its details) are JSON, "
    "encrypted; registered is a journal position",
)
registry_event: Final = Table(
    "registry_event",
    metadata,
    Column("number", Text, primary_key=True),
    Column("position", _Position, primary_key=True, autoincrement=False),
    comment="where the events after a credential's registration stand in the journal",
    sqlite_with_rowid=False,
)
label: Final = Table(
    "label",
    metadata,
    Column("scheme", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("language", Text, primary_key=True),
    Column("label", Text, nullable=False),
    comment="what codes mean in words, as the authority loaded it",
    sqlite_with_rowid=False,
)
document_place: Final = Table(
    "document_place",
    metadata,
    Column("place", _Position, primary_key=True, autoincrement=False),
    comment="places given in the status lists of exported documents, counted through all lists; "
    "none is given twice",
)
document: Final = Table(
    "document",
    metadata,
    Column("place", _Position, primary_key=True, autoincrement=False),
    Column("credential", Text, nullable=False, index=True),
    comment="whose document has which place; goes with its credential",
)
consent: Final = Table(
    "consent",
    metadata,
    Column("code_digest", LargeBinary, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("holder_proof", LargeBinary, nullable=False),
    Column("credential", Text, nullable=False, index=True),
    Column("purpose", SmallInteger, nullable=False),
    Column("fields", Text, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("uses_spent", Integer, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("requester", Text, nullable=False),
    Column("ended", SmallInteger, nullable=False),
    comment="share codes by digest; the codes themselves are kept nowhere",
)
Index(
    "consent_running",
    consent.c.expires_at,
    sqlite_where=text("ended = 0"),
    postgresql_where=text("ended = 0"),
)
watch: Final = Table(
    "watch",
    metadata,
    Column("watch", LargeBinary, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("credential", Text, nullable=False, index=True),
    Column("node", Text, nullable=False),
    Column("legal_name", Text, nullable=False),
    Column("register_id", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("ended", BigInteger),
    comment="standing consents; ended is the position of the statement that ended one",
)
Index(
    "watch_running",
    watch.c.expires_at,
    sqlite_where=watch.c.ended.is_(None),
    postgresql_where=watch.c.ended.is_(None),
)
Index("watch_position", watch.c.position)
Index("registry_event_position", registry_event.c.position)
notice: Final = Table(
    "notice",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=False),
    Column("audience", Text, nullable=False),
    Column("watch", LargeBinary, nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    comment="own status notices: to which node, by which standing consent, what was told",
)
Index("notice_audience", notice.c.audience, notice.c.position)
Index("notice_watch", notice.c.watch, notice.c.position)
notice_taken: Final = Table(
    "notice_taken",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("peer_index", BigInteger, nullable=False),
    Column("peer", Text, nullable=False),
    Column("watch", LargeBinary, nullable=False),
    Column("register_id", Text, nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    comment="peers' status notices: where each was taken, and where it stands in whose journal",
)
Index("notice_taken_once", notice_taken.c.origin, notice_taken.c.peer_index, unique=True)
Index("notice_taken_watch", notice_taken.c.watch, notice_taken.c.position)
follower: Final = Table(
    "follower",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key_id", Text, nullable=False, index=True),
    Column("register_id", Text, nullable=False),
    Column("peer", Text, nullable=False),
    Column("watch", LargeBinary, nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("told", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("dead", SmallInteger, nullable=False),
    comment="employers who follow a standing consent of a peer; with a url, every notice after "
    "told is posted there, signed with the secret, until it is dead",
)
access: Final = Table(
    "access",
    metadata,
    Column("credential", Text, primary_key=True),
    Column("position", _Position, primary_key=True, autoincrement=False),
    comment="which answers are about which credential, as far as access_reach says; it follows "
    "from the journal, off the way of queries",
    sqlite_with_rowid=False,
)
access_reach: Final = Table(
    "access_reach",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    comment="one row: all answers before this position are in access",
)
contest: Final = Table(
    "contest",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=False),
    Column("credential", Text, nullable=False, index=True),
    comment="where holders' complaints stand in the journal",
)
holder_token: Final = Table(
    "holder_token",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("credential", Text, primary_key=True),
    Column("id", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    comment="holders' tokens, hashed: a row for each credential that a token is good for",
)
Index("holder_token_credential", holder_token.c.credential)
api_key: Final = Table(
    "api_key",
    metadata,
    Column("id", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("legal_name", Text, nullable=False),
    Column("register_id", Text, nullable=False),
    Column("sector", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    comment="employers' keys, hashed",
)
trust_list: Final = Table(
    "trust_list",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("adopted", BigInteger, nullable=False),
    Column("bundle", LargeBinary, nullable=False),
    comment="every adopted trust list, byte for byte; adopted is the journal position",
)
