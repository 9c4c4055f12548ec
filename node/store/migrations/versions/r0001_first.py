"""All tables as of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "access",
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("credential", "position"),
        comment="which answers are about which credential, as far as access_reach says; it follows from the journal, off the way of queries",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "access_reach",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="one row: all answers before this position are in access",
    )
    op.create_table(
        "answered",
        sa.Column("said_at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("said_at", "commitment"),
        comment="queries of peers, by time and commitment, and where their one answer stands; the time comes first so that a batch writes neighbouring pages",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("legal_name", sa.Text(), nullable=False),
        sa.Column("register_id", sa.Text(), nullable=False),
        sa.Column("sector", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest"),
        comment="employers' keys, hashed",
    )
    op.create_table(
        "bundle",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("commitments", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        comment="the leaf entries themselves, 256 in a row, the partial row of the right edge too; they outlive the statements and salts that they were made of",
    )
    op.create_table(
        "case_file",
        sa.Column("case_id", sa.LargeBinary(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("case_id"),
        comment="cases: the other node, the API key that opened it here, the own age identity for its documents and the other node's recipient",
    )
    op.create_table(
        "case_part",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("own", sa.SmallInteger(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        comment="texts and documents of cases; salt and content are NULL where they have not come or were erased, in place; next_at is when to ask for it again, NULL for never",
    )
    with op.batch_alter_table("case_part", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_part_case_id"), ["case_id"], unique=False)

    op.create_table(
        "case_step",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("case_id", sa.LargeBinary(), nullable=False),
        sa.Column("own", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        comment="steps of cases: own ones where they stand, others where their receipt stands; number is the place in the timeline, 0 for none; settled is the position of the CaseConcluded",
    )
    with op.batch_alter_table("case_step", schema=None) as batch_op:
        batch_op.create_index(
            "case_step_open",
            ["position"],
            unique=False,
            sqlite_where=sa.text("settled IS NULL"),
            postgresql_where=sa.text("settled IS NULL"),
        )
        batch_op.create_index(batch_op.f("ix_case_step_case_id"), ["case_id"], unique=False)

    op.create_table(
        "checkpoint",
        sa.Column(
            "size",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size"),
        comment="every checkpoint that this journal signed",
    )
    op.create_table(
        "consent",
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("holder_proof", sa.LargeBinary(), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("uses_spent", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("ended", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("code_digest"),
        comment="share codes by digest; the codes themselves are kept nowhere",
    )
    with op.batch_alter_table("consent", schema=None) as batch_op:
        batch_op.create_index(
            "consent_running",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("ended = 0"),
            postgresql_where=sa.text("ended = 0"),
        )
        batch_op.create_index(batch_op.f("ix_consent_credential"), ["credential"], unique=False)

    op.create_table(
        "contest",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        comment="where holders' complaints stand in the journal",
    )
    with op.batch_alter_table("contest", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contest_credential"), ["credential"], unique=False)

    op.create_table(
        "cosignature",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("witness", sa.Text(), nullable=False),
        sa.Column("lines", sa.LargeBinary(), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("size", "witness"),
        comment="peers' cosignatures of own checkpoints; of an hour that has passed those of one checkpoint stay, the one that most have cosigned",
    )
    op.create_table(
        "counterpart",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("peer_index", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=True),
        sa.Column("key", sa.BigInteger(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("statement", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
        comment="the peer's sealed statement that the own entry at this position rests on; encrypted and erased as it is, in place",
    )
    op.create_table(
        "counterpart_proof",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        comment="for a receipt: the peer's statement at this position of counterpart under a later, cosigned checkpoint of its journal",
    )
    op.create_table(
        "credential",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("key", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.LargeBinary(), nullable=False),
        sa.Column("personal", sa.LargeBinary(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("award_type", sa.SmallInteger(), nullable=False),
        sa.Column("isco08", sa.Text(), nullable=False),
        sa.Column("level_national", sa.Text(), nullable=False),
        sa.Column("level_eqf", sa.SmallInteger(), nullable=False),
        sa.Column("awarded_on", sa.Text(), nullable=False),
        sa.Column("expires_on", sa.Text(), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("assessment_method", sa.SmallInteger(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("units", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Text(), nullable=True),
        sa.Column("registered", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("number"),
        comment="the registry, as of the newest event about each; holder is a keyed hash; personal (name, birth date and what it becomes by itself) and document (its details) are JSON, encrypted; registered is a journal position",
    )
    with op.batch_alter_table("credential", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credential_holder"), ["holder"], unique=False)

    op.create_table(
        "document",
        sa.Column(
            "place",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("place"),
        comment="whose document has which place; goes with its credential",
    )
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_credential"), ["credential"], unique=False)

    op.create_table(
        "document_place",
        sa.Column(
            "place",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("place"),
        comment="places given in the status lists of exported documents, counted through all lists; none is given twice",
    )
    op.create_table(
        "entry",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("key", sa.BigInteger(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("statement", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
        comment="own statements, exact bytes; with a key, statement is salt and statement encrypted; salt and statement are NULL where they were erased, in place: a row that goes lets SQLite move its neighbours, and old copies of them stay behind",
    )
    op.create_table(
        "erased",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("by", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        comment="entries whose statements were erased, and where the Erasure stands that says so",
    )
    op.create_table(
        "erasure_request",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
        comment="own requests to peers: how often they were sent, when again, what came back last; settled is the position of the ErasureConcluded",
    )
    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.BigInteger(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="what a peer sent that failed its checks, as it came; encrypted where it has a key",
    )
    op.create_table(
        "follower",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("register_id", sa.Text(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("watch", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("told", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("dead", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="employers who follow a standing consent of a peer; with a url, every notice after told is posted there, signed with the secret, until it is dead",
    )
    with op.batch_alter_table("follower", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_follower_key_id"), ["key_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_follower_watch"), ["watch"], unique=False)

    op.create_table(
        "head",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("touched", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        comment="one row: the journal's newest signed state; moves by compare-and-swap only; touched means nothing and changes whenever somebody tries whether the disk can write",
    )
    op.create_table(
        "holder_key",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("master", sa.Text(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("credentials", sa.Integer(), nullable=False),
        sa.Column("made_for", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("made_for"),
        comment="the keys that personal data is encrypted with, each wrapped by a master key: a holder's, and so many credentials need it still; or one of a day and a kind; wrapped is NULL once it was destroyed",
    )
    with op.batch_alter_table("holder_key", schema=None) as batch_op:
        batch_op.create_index(
            "holder_key_unneeded",
            ["id"],
            unique=False,
            sqlite_where=sa.text("credentials = 0 AND made_for IS NULL AND wrapped IS NOT NULL"),
            postgresql_where=sa.text(
                "credentials = 0 AND made_for IS NULL AND wrapped IS NOT NULL"
            ),
        )

    op.create_table(
        "holder_token",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("digest", "credential"),
        comment="holders' tokens, hashed: a row for each credential that a token is good for",
    )
    with op.batch_alter_table("holder_token", schema=None) as batch_op:
        batch_op.create_index("holder_token_credential", ["credential"], unique=False)

    op.create_table(
        "label",
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("scheme", "code", "language"),
        comment="what codes mean in words, as the authority loaded it",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notice",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("watch", sa.LargeBinary(), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        comment="own status notices: to which node, by which standing consent, what was told",
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index("notice_audience", ["audience", "position"], unique=False)
        batch_op.create_index("notice_watch", ["watch", "position"], unique=False)

    op.create_table(
        "notice_taken",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("peer_index", sa.BigInteger(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("watch", sa.LargeBinary(), nullable=False),
        sa.Column("register_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        comment="peers' status notices: where each was taken, and where it stands in whose journal",
    )
    with op.batch_alter_table("notice_taken", schema=None) as batch_op:
        batch_op.create_index("notice_taken_once", ["origin", "peer_index"], unique=True)
        batch_op.create_index("notice_taken_watch", ["watch", "position"], unique=False)

    op.create_table(
        "peer_checkpoint",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("proved", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "size"),
        comment="peers' checkpoints as seen; two roots for one size are a fork; proved is 1 once it is known to be a prefix of the head in peer_head, and 2 where besides no statement came under it and its hour is not thinned out; of an hour that has passed the largest of these stays, as 1",
    )
    with op.batch_alter_table("peer_checkpoint", schema=None) as batch_op:
        batch_op.create_index(
            "peer_checkpoint_bare",
            ["origin", "seen_at"],
            unique=False,
            sqlite_where=sa.text("proved = 2"),
            postgresql_where=sa.text("proved = 2"),
        )
        batch_op.create_index(
            "peer_checkpoint_unproved",
            ["origin", "size"],
            unique=False,
            sqlite_where=sa.text("proved = 0"),
            postgresql_where=sa.text("proved = 0"),
        )

    op.create_table(
        "peer_head",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("cosignatures", sa.LargeBinary(), nullable=False),
        sa.Column("cosigned_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("origin"),
        comment="of each peer's journal the newest head that this node cosigned; it only grows",
    )
    op.create_table(
        "question",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
        comment="own queries; settled is the position of the Conclusion or NoAnswer",
    )
    with op.batch_alter_table("question", schema=None) as batch_op:
        batch_op.create_index(
            "question_open",
            ["position"],
            unique=False,
            sqlite_where=sa.text("settled IS NULL"),
            postgresql_where=sa.text("settled IS NULL"),
        )

    op.create_table(
        "registry_event",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("number", "position"),
        comment="where the events after a credential's registration stand in the journal",
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("registry_event", schema=None) as batch_op:
        batch_op.create_index("registry_event_position", ["position"], unique=False)

    op.create_table(
        "tile",
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "number"),
        comment="Merkle tiles (C2SP tlog-tiles), the partial ones of the right edge included",
    )
    op.create_table(
        "trust_list",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("adopted", sa.BigInteger(), nullable=False),
        sa.Column("bundle", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        comment="every adopted trust list, byte for byte; adopted is the journal position",
    )
    op.create_table(
        "unwiped",
        sa.Column(
            "by",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("thorough", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("by"),
        comment="Erasures of which the database's log may still hold something; with thorough, the free space within its pages too",
    )
    op.create_table(
        "watch",
        sa.Column("watch", sa.LargeBinary(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("legal_name", sa.Text(), nullable=False),
        sa.Column("register_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("watch"),
        comment="standing consents; ended is the position of the statement that ended one",
    )
    with op.batch_alter_table("watch", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_watch_credential"), ["credential"], unique=False)
        batch_op.create_index("watch_position", ["position"], unique=False)
        batch_op.create_index(
            "watch_running",
            ["expires_at"],
            unique=False,
            sqlite_where=sa.text("ended IS NULL"),
            postgresql_where=sa.text("ended IS NULL"),
        )
