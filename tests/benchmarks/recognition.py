"""How fast an agreement of 500 occupations is applied, and 2,000 agreements are looked over.

python -m tests.benchmarks --only recognition
"""

import time
from datetime import date
from typing import Any

import msgspec
from msgspec import Struct

from node.model.lint_files import lint_agreement
from node.model.lint_notes import Notes
from node.model.occupations import ISCO08
from node.model.recognition.claims import Application, Claims, Experience, LanguageSkill
from node.model.recognition.recognise import recognise
from node.model.recognition.tables import compile_agreement
from node.model.recognition.verdict import encode_verdict
from node.model.statement import Outcome
from node.model.trust_files import AgreementFile, decode_file
from tests.federation import START
from tests.spoilt_agreements import SAMPLES

OCCUPATIONS = 500
AGREEMENTS = 2_000
_VERDICTS = 40_000


class RecognitionFigures(Struct, frozen=True):
    """What one run measured: processor time, one core."""

    verdicts_per_s: float
    encoded_per_s: float
    verdict_bytes: int
    compile_ms: float
    agreement_kb: float
    lint_s: float


def large_agreement() -> bytes:
    """Return an agreement of 500 occupations, each with rules of its own."""
    units = sorted(code for code in ISCO08 if len(code) == 4)
    minors = sorted(code for code in ISCO08 if len(code) == 3)
    file: dict[str, Any] = msgspec.json.decode(
        (SAMPLES / "sample-general-system.json").read_bytes()
    )
    route = file["recognition"]["routes"][0]
    rules = route["occupations"][0]["rules"]
    codes = [*units, *minors][:OCCUPATIONS]
    route["occupations"] = [{"isco08": [code], "rules": rules} for code in codes]
    route["excluded"] = []
    return msgspec.json.encode(file)


def measure() -> RecognitionFigures:
    """Measure everything once."""
    content = large_agreement()
    file = decode_file(content, AgreementFile, "agreement")
    started = time.process_time()
    agreement = compile_agreement(file)
    compiled = time.process_time() - started
    application = Application(
        "XB",
        experience=(Experience("7411", date(2020, 1, 1), date(2024, 1, 1)),),
        languages=(LanguageSkill("en", "B2"),),
        documents=("identity",),
        lodged_on=date(2026, 11, 20),
    )
    claims = [
        Claims(
            home="XA",
            outcome=Outcome.CONFIRMED,
            isco08=code,
            award_type="full_qualification",
            levels=(("eqf", 3 + number % 3),),
            units=("EL-1", "EL-2"),
            work_based_hours=300,
            awarded_on=date(2020, 1, 1),
            accredited=True,
        )
        for number, code in enumerate(sorted(code for code in ISCO08 if len(code) == 4))
    ]
    started = time.process_time()
    for number in range(_VERDICTS):
        verdict = recognise(agreement, claims[number % len(claims)], application, START)
    judged = time.process_time() - started
    started = time.process_time()
    for _ in range(_VERDICTS):
        encoded = encode_verdict(verdict)
    encoding = time.process_time() - started
    return RecognitionFigures(
        verdicts_per_s=_VERDICTS / judged,
        encoded_per_s=_VERDICTS / encoding,
        verdict_bytes=len(encoded),
        compile_ms=compiled * 1000,
        agreement_kb=len(content) / 1000,
        lint_s=_lint(),
    )


def _lint() -> float:
    """Return the seconds that reading, compiling and looking over 2,000 agreements takes."""
    samples = [path.read_bytes() for path in sorted(SAMPLES.glob("*.json"))]
    started = time.process_time()
    for number in range(AGREEMENTS):
        file = decode_file(samples[number % len(samples)], AgreementFile, "agreement")
        notes = Notes()
        lint_agreement(file, f"agreements/{file.parties[0]}/{file.id}.json", notes, START)
        compile_agreement(file)
        if notes.findings:
            raise AssertionError(notes.findings)
    return time.process_time() - started
