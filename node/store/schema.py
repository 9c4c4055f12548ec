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
    Table,
    Text,
    text,
)

VERSION: Final = 1
# In SQLite only an INTEGER primary key is the row id itself; any other has an index of its own.
_Position: Final = BigInteger().with_variant(Integer, "sqlite")
metadata: Final = MetaData()

head: Final = Table(
    "head",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("schema_version", Integer, nullable=False),
    Column("node", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("touched", SmallInteger, nullable=False),
    comment="one row: the journal's newest signed state; moves by compare-and-swap only; "
    "touched means nothing and changes whenever somebody tries whether the disk can write",
)
entry: Final = Table(
    "entry",
    metadata,
    Column("position", _Position, primary_key=True, autoincrement=False),
    Column("kind", SmallInteger, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("statement", LargeBinary, nullable=False),
    comment="own statements, exact bytes",
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
    Column("path", LargeBinary, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("statement", LargeBinary, nullable=False),
    comment="the peer's sealed statement that the own entry at this position rests on",
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
    "known to be a prefix of the head in peer_head",
)
Index(
    "peer_checkpoint_unproved",
    peer_checkpoint.c.origin,
    peer_checkpoint.c.size,
    sqlite_where=peer_checkpoint.c.proved == 0,
    postgresql_where=peer_checkpoint.c.proved == 0,
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
    Column("content", LargeBinary, nullable=False),
    comment="what a peer sent that failed its checks, as it came",
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
    Column("holder_name", Text, nullable=False),
    Column("birth_date", Text, nullable=False),
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
    comment="the registry; units is JSON",
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
