"""A welder's credential, its details, and the rows of a sheet that hold them."""

from datetime import date
from typing import Any

import msgspec

from node.model.credential import (
    Accredited,
    Assessment,
    AssessmentMethod,
    AwardType,
    Credential,
    Credits,
    Details,
    NationalCode,
    Renewal,
    Status,
    Title,
    Unit,
)


def sample_credential(number: str = "XA-2019-000001", **changes: Any) -> Credential:
    """Return a welder's credential, with whatever a test changes in it."""
    welder = Credential(
        number=number,
        holder_name="Éloïse Marchand-Kerr",
        birth_date=date(1991, 3, 14),
        issuer="Lycée des métiers de Port-Sauvry",
        title="Certificat professionnel : Soudeur",
        award_type=AwardType.FULL_QUALIFICATION,
        isco08="7212",
        level_national="NQF 4",
        level_eqf=4,
        awarded_on=date(2019, 6, 28),
        expires_on=None,
        status=Status.ACTIVE,
        assessment_method=AssessmentMethod.PRACTICAL_TEST,
        language="fr",
        units=(
            Unit("U-101", "Sécurité au travail"),
            Unit("U-201", "Soudage MIG/MAG"),
        ),
    )
    return msgspec.structs.replace(welder, **changes)


def entered_credential(number: str = "XA-2019-000001", **changes: Any) -> Credential:
    """Return the same credential with what the sample trust list adds when it is entered."""
    details = Details(accreditation=Accredited(date(2010, 1, 1), "Ministry of Tests"))
    return sample_credential(number, **{"details": details, **changes})


def sample_details(**changes: Any) -> Details:
    """Return details with something in every field, with what a test changes in them."""
    full = Details(
        titles=(Title("en", "Vocational certificate: Welder"), Title("deu", "Schweißer")),
        accreditation=Accredited(date(2010, 1, 1), "Ministry of Tests"),
        esco="http://data.europa.eu/esco/occupation/8a53f8d1-d995-4a2c-80ee-9ca53bd3a0c2",
        isced_f="0715",
        national_codes=(NationalCode("XA", "RNCP", "34 567"), NationalCode("FR", "NSF", "254s")),
        level_aqrf=4,
        level_sadcqf=5,
        level_cvq=2,
        learning_outcomes=("Welds in every position", "Reads drawings"),
        credits=Credits("180.5", "ECVET"),
        hours=1200,
        work_based_hours=400,
        assessments=(
            Assessment(AssessmentMethod.PRACTICAL_TEST, date(2019, 6, 20)),
            Assessment(AssessmentMethod.INTERVIEW),
        ),
        languages=("fr", "deu"),
        renewal=Renewal(36, "8 hours of recertification"),
        parts=("XA-U/1", "XA-U/2"),
        supersedes="XA-2011-000007",
    )
    return msgspec.structs.replace(full, **changes)


def sample_detail_values(**changes: object) -> dict[str, object]:
    """Return the same details as the columns of a sheet hold them."""
    return {
        "titles": "en Vocational certificate: Welder | deu Schweißer",
        "accreditation": "2010-01-01 Ministry of Tests",
        "esco": "http://data.europa.eu/esco/occupation/8a53f8d1-d995-4a2c-80ee-9ca53bd3a0c2",
        "isced_f": "0715",
        "national_codes": "XA RNCP 34 567 | FR NSF 254s",
        "level_aqrf": "4",
        "level_sadcqf": "5",
        "level_cvq": "2",
        "learning_outcomes": "Welds in every position | Reads drawings",
        "credits": "180.5 ECVET",
        "hours": "1200",
        "work_based_hours": "400",
        "assessments": "practical_test 2019-06-20 | interview",
        "languages": "fr | deu",
        "renewal": "36 8 hours of recertification",
        "parts": "XA-U/1 | XA-U/2",
        "supersedes": "XA-2011-000007",
        **changes,
    }


def sample_values(number: object = "XA-2019-000001", **changes: object) -> dict[str, object]:
    """Return the same credential as a row of a sheet holds it, with what a test changes."""
    return {
        "number": number,
        "holder_name": "Éloïse Marchand-Kerr",
        "birth_date": "1991-03-14",
        "issuer": "Lycée des métiers de Port-Sauvry",
        "title": "Certificat professionnel : Soudeur",
        "award_type": "full_qualification",
        "isco08": "7212",
        "level_national": "NQF 4",
        "level_eqf": "4",
        "awarded_on": "2019-06-28",
        "expires_on": "",
        "status": "active",
        "assessment_method": "practical_test",
        "language": "fr",
        "units": "U-101 Sécurité au travail | U-201 Soudage MIG/MAG",
        **changes,
    }
