"""One thousand questions at once, each answer held against the sample file."""

import asyncio
import math
import resource
import unicodedata
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter
from typing import Final

from msgspec import Struct

from node import assembly
from node.cli.demo_employers import Employer, Reply
from node.cli.demo_federation import NationalNode
from node.model.credential import Credential, Field, Status
from node.model.share_code import ShareCode
from node.model.statement import Purpose
from node.wire.rows import parse_credential
from node.wire.sheets import open_sheet

QUESTIONS: Final = 1_000
USES: Final = 5
_FILES_NEEDED: Final = QUESTIONS + 500


class Corridor(Struct, frozen=True):
    """Questions of one country's employer to another country's node."""

    employer: Employer
    answering: NationalNode
    sample: Path


class Question(Struct, frozen=True):
    """A credential of the sample file, and the share code that its holder gave."""

    employer: Employer
    credential: Credential
    code: ShareCode


class Answered(Struct, frozen=True):
    """A question and what came back."""

    question: Question
    reply: Reply

    @property
    def outcome(self) -> str:
        """What the answer says; empty where there is none."""
        return str(self.reply.json().get("outcome") or "")

    def __str__(self) -> str:
        """Return whom it was about, by number, and what came back."""
        body = self.reply.json()
        said = body.get("meaning") or body.get("detail")
        return f"{self.question.credential.number}: HTTP {self.reply.status}, {said}"

    def is_right(self, today: date) -> bool:
        """Tell whether the answer says what the sample file says."""
        shown = self.reply.json().get("disclosed", {})
        credential = self.question.credential
        return (
            self.outcome == _outcome_by_file(credential, today)
            and shown.get("holder_name") == credential.holder_name
            and shown.get("level_eqf") == str(credential.level_eqf)
        )


class Rush(Struct, frozen=True):
    """What came of a thousand questions; times in seconds."""

    answered: tuple[Answered, ...]
    wrong: tuple[Answered, ...]
    took_s: float
    outcomes: dict[str, int]

    def percentile_s(self, percent: float) -> float:
        """Return the time within which so many per cent of the answers came (nearest rank)."""
        times_s = sorted(one.reply.took_s for one in self.answered)
        return times_s[math.ceil(percent / 100 * len(times_s)) - 1]

    @property
    def per_s(self) -> float:
        """Answers per second, first question to last answer."""
        return len(self.answered) / self.took_s

    def one_of_each_script(self) -> list[Answered]:
        """Return one answer for each script that holders' names are written in."""
        found: dict[str, Answered] = {}
        for one in self.answered:
            script = unicodedata.name(one.question.credential.holder_name[0]).partition(" ")[0]
            found.setdefault(script, one)
        return [found[script] for script in sorted(found)]


async def prepare(corridors: Sequence[Corridor]) -> list[Question]:
    """Make a thousand share codes, one each for credentials spread over the sample files."""
    shares = [QUESTIONS // len(corridors)] * len(corridors)
    shares[0] += QUESTIONS - sum(shares)
    questions: list[Question] = []
    for corridor, share in zip(corridors, shares, strict=True):
        with corridor.sample.open("rb") as stream:
            rows = [
                parse_credential(row.values) for row in open_sheet(corridor.sample.name, stream)
            ]
        chosen = [rows[at * len(rows) // share] for at in range(share)]
        async with corridor.answering.opened() as opened:
            codes = await asyncio.gather(
                *(
                    opened.sharing.create(
                        credential.number, Purpose.EMPLOYMENT, tuple(Field), uses=USES
                    )
                    for credential in chosen
                )
            )
        questions += [
            Question(corridor.employer, credential, code)
            for credential, code in zip(chosen, codes, strict=True)
        ]
    return questions


async def rush(questions: Sequence[Question]) -> Rush:
    """Ask all at once, over a connection each, and wait for the last answer."""
    today = datetime.fromtimestamp(assembly.clock() // 1_000_000, UTC).date()
    started_s = perf_counter()
    replies = await asyncio.gather(
        *(one.employer.ask(one.code, one.credential.birth_date) for one in questions)
    )
    took_s = perf_counter() - started_s
    answered = tuple(map(Answered, questions, replies))
    return Rush(
        answered,
        tuple(one for one in answered if not one.is_right(today)),
        took_s,
        dict(Counter(one.outcome or "none" for one in answered).most_common()),
    )


def allow_connections() -> int:
    """Let this process have a connection for each question, as far as it may; returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    wanted = max(soft, _FILES_NEEDED if unlimited else min(hard, _FILES_NEEDED))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return min(QUESTIONS, wanted * QUESTIONS // _FILES_NEEDED)


def _outcome_by_file(credential: Credential, today: date) -> str:
    if credential.status is not Status.ACTIVE:
        return credential.status.name.lower()
    expired = credential.expires_on is not None and credential.expires_on < today
    return "expired" if expired else "confirmed"
