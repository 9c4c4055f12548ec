from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RefusalCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REFUSAL_CODE_UNSPECIFIED: _ClassVar[RefusalCode]
    REFUSAL_CODE_MALFORMED: _ClassVar[RefusalCode]
    REFUSAL_CODE_UNAUTHENTICATED: _ClassVar[RefusalCode]
    REFUSAL_CODE_UNTRUSTED: _ClassVar[RefusalCode]
    REFUSAL_CODE_UNKNOWN: _ClassVar[RefusalCode]
    REFUSAL_CODE_CONFLICT: _ClassVar[RefusalCode]
    REFUSAL_CODE_BUSY: _ClassVar[RefusalCode]
    REFUSAL_CODE_STALE: _ClassVar[RefusalCode]
    REFUSAL_CODE_PEER_SILENT: _ClassVar[RefusalCode]
    REFUSAL_CODE_PEER_FALSE: _ClassVar[RefusalCode]
    REFUSAL_CODE_DEFECT: _ClassVar[RefusalCode]
    REFUSAL_CODE_ERASED: _ClassVar[RefusalCode]

class Purpose(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PURPOSE_UNSPECIFIED: _ClassVar[Purpose]
    PURPOSE_EMPLOYMENT: _ClassVar[Purpose]
    PURPOSE_LICENSING: _ClassVar[Purpose]
    PURPOSE_ENROLMENT: _ClassVar[Purpose]

class Field(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FIELD_UNSPECIFIED: _ClassVar[Field]
    FIELD_HOLDER_NAME: _ClassVar[Field]
    FIELD_TITLE: _ClassVar[Field]
    FIELD_AWARD_TYPE: _ClassVar[Field]
    FIELD_ISSUER: _ClassVar[Field]
    FIELD_ISCO08: _ClassVar[Field]
    FIELD_LEVEL_NATIONAL: _ClassVar[Field]
    FIELD_LEVEL_EQF: _ClassVar[Field]
    FIELD_AWARDED_ON: _ClassVar[Field]
    FIELD_EXPIRES_ON: _ClassVar[Field]
    FIELD_ASSESSMENT_METHOD: _ClassVar[Field]
    FIELD_LANGUAGE: _ClassVar[Field]
    FIELD_UNITS: _ClassVar[Field]
    FIELD_VALID_FROM: _ClassVar[Field]
    FIELD_TITLES: _ClassVar[Field]
    FIELD_ACCREDITATION: _ClassVar[Field]
    FIELD_ESCO: _ClassVar[Field]
    FIELD_ISCED_F: _ClassVar[Field]
    FIELD_NATIONAL_CODES: _ClassVar[Field]
    FIELD_LEVEL_AQRF: _ClassVar[Field]
    FIELD_LEVEL_SADCQF: _ClassVar[Field]
    FIELD_LEVEL_CVQ: _ClassVar[Field]
    FIELD_LEARNING_OUTCOMES: _ClassVar[Field]
    FIELD_CREDITS: _ClassVar[Field]
    FIELD_HOURS: _ClassVar[Field]
    FIELD_WORK_BASED_HOURS: _ClassVar[Field]
    FIELD_ASSESSMENTS: _ClassVar[Field]
    FIELD_LANGUAGES: _ClassVar[Field]
    FIELD_RENEWAL: _ClassVar[Field]
    FIELD_PARTS: _ClassVar[Field]
    FIELD_SUPERSEDES: _ClassVar[Field]

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_CONFIRMED: _ClassVar[Outcome]
    OUTCOME_SUSPENDED: _ClassVar[Outcome]
    OUTCOME_REVOKED: _ClassVar[Outcome]
    OUTCOME_EXPIRED: _ClassVar[Outcome]
    OUTCOME_SUPERSEDED: _ClassVar[Outcome]
    OUTCOME_NOT_CONFIRMED: _ClassVar[Outcome]
    OUTCOME_REFUSED: _ClassVar[Outcome]

class Rule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RULE_UNSPECIFIED: _ClassVar[Rule]
    RULE_NO_AGREEMENT: _ClassVar[Rule]
    RULE_PURPOSE_NOT_COVERED: _ClassVar[Rule]
    RULE_ISSUER_NOT_ACCREDITED: _ClassVar[Rule]

class AwardType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AWARD_TYPE_UNSPECIFIED: _ClassVar[AwardType]
    AWARD_TYPE_FULL_QUALIFICATION: _ClassVar[AwardType]
    AWARD_TYPE_UNIT: _ClassVar[AwardType]
    AWARD_TYPE_RECOGNISED_PRIOR_LEARNING: _ClassVar[AwardType]
    AWARD_TYPE_LICENCE: _ClassVar[AwardType]

class AssessmentMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASSESSMENT_METHOD_UNSPECIFIED: _ClassVar[AssessmentMethod]
    ASSESSMENT_METHOD_EXAMINATION: _ClassVar[AssessmentMethod]
    ASSESSMENT_METHOD_PRACTICAL_TEST: _ClassVar[AssessmentMethod]
    ASSESSMENT_METHOD_PORTFOLIO: _ClassVar[AssessmentMethod]
    ASSESSMENT_METHOD_CONTINUOUS: _ClassVar[AssessmentMethod]
    ASSESSMENT_METHOD_INTERVIEW: _ClassVar[AssessmentMethod]

class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATUS_UNSPECIFIED: _ClassVar[Status]
    STATUS_ACTIVE: _ClassVar[Status]
    STATUS_SUSPENDED: _ClassVar[Status]
    STATUS_REVOKED: _ClassVar[Status]
    STATUS_SUPERSEDED: _ClassVar[Status]

class RevocationGround(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REVOCATION_GROUND_UNSPECIFIED: _ClassVar[RevocationGround]
    REVOCATION_GROUND_ISSUED_IN_ERROR: _ClassVar[RevocationGround]
    REVOCATION_GROUND_FRAUD: _ClassVar[RevocationGround]
    REVOCATION_GROUND_REQUIREMENTS_NO_LONGER_MET: _ClassVar[RevocationGround]
    REVOCATION_GROUND_PROFESSIONAL_MISCONDUCT: _ClassVar[RevocationGround]
    REVOCATION_GROUND_COURT_ORDER: _ClassVar[RevocationGround]
    REVOCATION_GROUND_REQUEST_OF_HOLDER: _ClassVar[RevocationGround]
    REVOCATION_GROUND_OTHER: _ClassVar[RevocationGround]

class ConsentEnd(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSENT_END_UNSPECIFIED: _ClassVar[ConsentEnd]
    CONSENT_END_REVOKED: _ClassVar[ConsentEnd]
    CONSENT_END_EXPIRED: _ClassVar[ConsentEnd]

class Complaint(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPLAINT_UNSPECIFIED: _ClassVar[Complaint]
    COMPLAINT_WRONG_CONTENT: _ClassVar[Complaint]
    COMPLAINT_WRONG_STATUS: _ClassVar[Complaint]
    COMPLAINT_NOT_MINE: _ClassVar[Complaint]
    COMPLAINT_UNEXPECTED_ACCESS: _ClassVar[Complaint]
    COMPLAINT_OTHER: _ClassVar[Complaint]

class AccessKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCESS_KIND_UNSPECIFIED: _ClassVar[AccessKind]
    ACCESS_KIND_FOUND: _ClassVar[AccessKind]
    ACCESS_KIND_SHOWN: _ClassVar[AccessKind]
    ACCESS_KIND_EXPORTED: _ClassVar[AccessKind]
    ACCESS_KIND_PACKED: _ClassVar[AccessKind]
    ACCESS_KIND_ENTRUSTED: _ClassVar[AccessKind]

class KeptFor(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEPT_FOR_UNSPECIFIED: _ClassVar[KeptFor]
    KEPT_FOR_RETENTION_DUTY: _ClassVar[KeptFor]
    KEPT_FOR_UNKNOWN: _ClassVar[KeptFor]

class CaseKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CASE_KIND_UNSPECIFIED: _ClassVar[CaseKind]
    CASE_KIND_CONTEST: _ClassVar[CaseKind]
    CASE_KIND_APPEAL: _ClassVar[CaseKind]
    CASE_KIND_RECOGNITION: _ClassVar[CaseKind]

class StepKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STEP_KIND_UNSPECIFIED: _ClassVar[StepKind]
    STEP_KIND_OPENED: _ClassVar[StepKind]
    STEP_KIND_ACKNOWLEDGED: _ClassVar[StepKind]
    STEP_KIND_DOCUMENTS_ASKED: _ClassVar[StepKind]
    STEP_KIND_DOCUMENTS_SUPPLIED: _ClassVar[StepKind]
    STEP_KIND_EXTENDED: _ClassVar[StepKind]
    STEP_KIND_DECIDED: _ClassVar[StepKind]
    STEP_KIND_APPEALED: _ClassVar[StepKind]
    STEP_KIND_WITHDRAWN: _ClassVar[StepKind]
    STEP_KIND_LAPSED: _ClassVar[StepKind]
    STEP_KIND_ERASED: _ClassVar[StepKind]

class CaseAuthor(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CASE_AUTHOR_UNSPECIFIED: _ClassVar[CaseAuthor]
    CASE_AUTHOR_PERSON: _ClassVar[CaseAuthor]
    CASE_AUTHOR_EMPLOYER: _ClassVar[CaseAuthor]
    CASE_AUTHOR_AUTHORITY: _ClassVar[CaseAuthor]

class Ruling(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RULING_UNSPECIFIED: _ClassVar[Ruling]
    RULING_GRANTED: _ClassVar[Ruling]
    RULING_PARTLY_GRANTED: _ClassVar[Ruling]
    RULING_REFUSED: _ClassVar[Ruling]

class SubjectKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBJECT_KIND_UNSPECIFIED: _ClassVar[SubjectKind]
    SUBJECT_KIND_ANSWER: _ClassVar[SubjectKind]
    SUBJECT_KIND_CONCLUSION: _ClassVar[SubjectKind]
    SUBJECT_KIND_CREDENTIAL: _ClassVar[SubjectKind]
REFUSAL_CODE_UNSPECIFIED: RefusalCode
REFUSAL_CODE_MALFORMED: RefusalCode
REFUSAL_CODE_UNAUTHENTICATED: RefusalCode
REFUSAL_CODE_UNTRUSTED: RefusalCode
REFUSAL_CODE_UNKNOWN: RefusalCode
REFUSAL_CODE_CONFLICT: RefusalCode
REFUSAL_CODE_BUSY: RefusalCode
REFUSAL_CODE_STALE: RefusalCode
REFUSAL_CODE_PEER_SILENT: RefusalCode
REFUSAL_CODE_PEER_FALSE: RefusalCode
REFUSAL_CODE_DEFECT: RefusalCode
REFUSAL_CODE_ERASED: RefusalCode
PURPOSE_UNSPECIFIED: Purpose
PURPOSE_EMPLOYMENT: Purpose
PURPOSE_LICENSING: Purpose
PURPOSE_ENROLMENT: Purpose
FIELD_UNSPECIFIED: Field
FIELD_HOLDER_NAME: Field
FIELD_TITLE: Field
FIELD_AWARD_TYPE: Field
FIELD_ISSUER: Field
FIELD_ISCO08: Field
FIELD_LEVEL_NATIONAL: Field
FIELD_LEVEL_EQF: Field
FIELD_AWARDED_ON: Field
FIELD_EXPIRES_ON: Field
FIELD_ASSESSMENT_METHOD: Field
FIELD_LANGUAGE: Field
FIELD_UNITS: Field
FIELD_VALID_FROM: Field
FIELD_TITLES: Field
FIELD_ACCREDITATION: Field
FIELD_ESCO: Field
FIELD_ISCED_F: Field
FIELD_NATIONAL_CODES: Field
FIELD_LEVEL_AQRF: Field
FIELD_LEVEL_SADCQF: Field
FIELD_LEVEL_CVQ: Field
FIELD_LEARNING_OUTCOMES: Field
FIELD_CREDITS: Field
FIELD_HOURS: Field
FIELD_WORK_BASED_HOURS: Field
FIELD_ASSESSMENTS: Field
FIELD_LANGUAGES: Field
FIELD_RENEWAL: Field
FIELD_PARTS: Field
FIELD_SUPERSEDES: Field
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_CONFIRMED: Outcome
OUTCOME_SUSPENDED: Outcome
OUTCOME_REVOKED: Outcome
OUTCOME_EXPIRED: Outcome
OUTCOME_SUPERSEDED: Outcome
OUTCOME_NOT_CONFIRMED: Outcome
OUTCOME_REFUSED: Outcome
RULE_UNSPECIFIED: Rule
RULE_NO_AGREEMENT: Rule
RULE_PURPOSE_NOT_COVERED: Rule
RULE_ISSUER_NOT_ACCREDITED: Rule
AWARD_TYPE_UNSPECIFIED: AwardType
AWARD_TYPE_FULL_QUALIFICATION: AwardType
AWARD_TYPE_UNIT: AwardType
AWARD_TYPE_RECOGNISED_PRIOR_LEARNING: AwardType
AWARD_TYPE_LICENCE: AwardType
ASSESSMENT_METHOD_UNSPECIFIED: AssessmentMethod
ASSESSMENT_METHOD_EXAMINATION: AssessmentMethod
ASSESSMENT_METHOD_PRACTICAL_TEST: AssessmentMethod
ASSESSMENT_METHOD_PORTFOLIO: AssessmentMethod
ASSESSMENT_METHOD_CONTINUOUS: AssessmentMethod
ASSESSMENT_METHOD_INTERVIEW: AssessmentMethod
STATUS_UNSPECIFIED: Status
STATUS_ACTIVE: Status
STATUS_SUSPENDED: Status
STATUS_REVOKED: Status
STATUS_SUPERSEDED: Status
REVOCATION_GROUND_UNSPECIFIED: RevocationGround
REVOCATION_GROUND_ISSUED_IN_ERROR: RevocationGround
REVOCATION_GROUND_FRAUD: RevocationGround
REVOCATION_GROUND_REQUIREMENTS_NO_LONGER_MET: RevocationGround
REVOCATION_GROUND_PROFESSIONAL_MISCONDUCT: RevocationGround
REVOCATION_GROUND_COURT_ORDER: RevocationGround
REVOCATION_GROUND_REQUEST_OF_HOLDER: RevocationGround
REVOCATION_GROUND_OTHER: RevocationGround
CONSENT_END_UNSPECIFIED: ConsentEnd
CONSENT_END_REVOKED: ConsentEnd
CONSENT_END_EXPIRED: ConsentEnd
COMPLAINT_UNSPECIFIED: Complaint
COMPLAINT_WRONG_CONTENT: Complaint
COMPLAINT_WRONG_STATUS: Complaint
COMPLAINT_NOT_MINE: Complaint
COMPLAINT_UNEXPECTED_ACCESS: Complaint
COMPLAINT_OTHER: Complaint
ACCESS_KIND_UNSPECIFIED: AccessKind
ACCESS_KIND_FOUND: AccessKind
ACCESS_KIND_SHOWN: AccessKind
ACCESS_KIND_EXPORTED: AccessKind
ACCESS_KIND_PACKED: AccessKind
ACCESS_KIND_ENTRUSTED: AccessKind
KEPT_FOR_UNSPECIFIED: KeptFor
KEPT_FOR_RETENTION_DUTY: KeptFor
KEPT_FOR_UNKNOWN: KeptFor
CASE_KIND_UNSPECIFIED: CaseKind
CASE_KIND_CONTEST: CaseKind
CASE_KIND_APPEAL: CaseKind
CASE_KIND_RECOGNITION: CaseKind
STEP_KIND_UNSPECIFIED: StepKind
STEP_KIND_OPENED: StepKind
STEP_KIND_ACKNOWLEDGED: StepKind
STEP_KIND_DOCUMENTS_ASKED: StepKind
STEP_KIND_DOCUMENTS_SUPPLIED: StepKind
STEP_KIND_EXTENDED: StepKind
STEP_KIND_DECIDED: StepKind
STEP_KIND_APPEALED: StepKind
STEP_KIND_WITHDRAWN: StepKind
STEP_KIND_LAPSED: StepKind
STEP_KIND_ERASED: StepKind
CASE_AUTHOR_UNSPECIFIED: CaseAuthor
CASE_AUTHOR_PERSON: CaseAuthor
CASE_AUTHOR_EMPLOYER: CaseAuthor
CASE_AUTHOR_AUTHORITY: CaseAuthor
RULING_UNSPECIFIED: Ruling
RULING_GRANTED: Ruling
RULING_PARTLY_GRANTED: Ruling
RULING_REFUSED: Ruling
SUBJECT_KIND_UNSPECIFIED: SubjectKind
SUBJECT_KIND_ANSWER: SubjectKind
SUBJECT_KIND_CONCLUSION: SubjectKind
SUBJECT_KIND_CREDENTIAL: SubjectKind

class Parcel(_message.Message):
    __slots__ = ("checkpoints", "items")
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    checkpoints: _containers.RepeatedScalarFieldContainer[bytes]
    items: _containers.RepeatedCompositeFieldContainer[Item]
    def __init__(self, checkpoints: _Optional[_Iterable[bytes]] = ..., items: _Optional[_Iterable[_Union[Item, _Mapping]]] = ...) -> None: ...

class Item(_message.Message):
    __slots__ = ("sealed", "refusal")
    SEALED_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    sealed: SealedStatement
    refusal: Refusal
    def __init__(self, sealed: _Optional[_Union[SealedStatement, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ...) -> None: ...

class SealedStatement(_message.Message):
    __slots__ = ("statement", "salt", "index", "path", "checkpoint")
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    statement: bytes
    salt: bytes
    index: int
    path: bytes
    checkpoint: int
    def __init__(self, statement: _Optional[bytes] = ..., salt: _Optional[bytes] = ..., index: _Optional[int] = ..., path: _Optional[bytes] = ..., checkpoint: _Optional[int] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("code", "reason", "retry_after_ms")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    code: RefusalCode
    reason: str
    retry_after_ms: int
    def __init__(self, code: _Optional[_Union[RefusalCode, str]] = ..., reason: _Optional[str] = ..., retry_after_ms: _Optional[int] = ...) -> None: ...

class HeadRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HeadResponse(_message.Message):
    __slots__ = ("checkpoint",)
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    checkpoint: bytes
    def __init__(self, checkpoint: _Optional[bytes] = ...) -> None: ...

class ConsistencyRequest(_message.Message):
    __slots__ = ("first", "second", "further")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    FURTHER_FIELD_NUMBER: _ClassVar[int]
    first: int
    second: int
    further: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, first: _Optional[int] = ..., second: _Optional[int] = ..., further: _Optional[_Iterable[int]] = ...) -> None: ...

class ConsistencyResponse(_message.Message):
    __slots__ = ("path", "further")
    PATH_FIELD_NUMBER: _ClassVar[int]
    FURTHER_FIELD_NUMBER: _ClassVar[int]
    path: bytes
    further: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, path: _Optional[bytes] = ..., further: _Optional[_Iterable[bytes]] = ...) -> None: ...

class WitnessRequest(_message.Message):
    __slots__ = ("add_checkpoint",)
    ADD_CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    add_checkpoint: bytes
    def __init__(self, add_checkpoint: _Optional[bytes] = ...) -> None: ...

class WitnessResponse(_message.Message):
    __slots__ = ("cosignatures",)
    COSIGNATURES_FIELD_NUMBER: _ClassVar[int]
    cosignatures: bytes
    def __init__(self, cosignatures: _Optional[bytes] = ...) -> None: ...

class WitnessedRequest(_message.Message):
    __slots__ = ("origin",)
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    origin: str
    def __init__(self, origin: _Optional[str] = ...) -> None: ...

class WitnessedResponse(_message.Message):
    __slots__ = ("checkpoint",)
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    checkpoint: bytes
    def __init__(self, checkpoint: _Optional[bytes] = ...) -> None: ...

class InclusionRequest(_message.Message):
    __slots__ = ("index",)
    INDEX_FIELD_NUMBER: _ClassVar[int]
    index: int
    def __init__(self, index: _Optional[int] = ...) -> None: ...

class InclusionResponse(_message.Message):
    __slots__ = ("path", "checkpoint")
    PATH_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    path: bytes
    checkpoint: bytes
    def __init__(self, path: _Optional[bytes] = ..., checkpoint: _Optional[bytes] = ...) -> None: ...

class CasePartRequest(_message.Message):
    __slots__ = ("case_id", "digest")
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    case_id: bytes
    digest: bytes
    def __init__(self, case_id: _Optional[bytes] = ..., digest: _Optional[bytes] = ...) -> None: ...

class CasePartChunk(_message.Message):
    __slots__ = ("content",)
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    def __init__(self, content: _Optional[bytes] = ...) -> None: ...

class FollowRequest(_message.Message):
    __slots__ = ("start",)
    START_FIELD_NUMBER: _ClassVar[int]
    start: int
    def __init__(self, start: _Optional[int] = ...) -> None: ...

class TrustFileRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class TrustFileResponse(_message.Message):
    __slots__ = ("content",)
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    def __init__(self, content: _Optional[bytes] = ...) -> None: ...

class Statement(_message.Message):
    __slots__ = ("protocol", "speaker", "said_at_us", "trust", "query", "answer", "no_answer", "conclusion", "registry_event", "consent_event", "trust_adopted", "audit_access", "erasure_request", "erasure_acknowledged", "erasure_concluded", "erasure", "contest_raised", "record_exported", "case_step", "case_received", "case_concluded", "status_notice", "notice_taken")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SPEAKER_FIELD_NUMBER: _ClassVar[int]
    SAID_AT_US_FIELD_NUMBER: _ClassVar[int]
    TRUST_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    NO_ANSWER_FIELD_NUMBER: _ClassVar[int]
    CONCLUSION_FIELD_NUMBER: _ClassVar[int]
    REGISTRY_EVENT_FIELD_NUMBER: _ClassVar[int]
    CONSENT_EVENT_FIELD_NUMBER: _ClassVar[int]
    TRUST_ADOPTED_FIELD_NUMBER: _ClassVar[int]
    AUDIT_ACCESS_FIELD_NUMBER: _ClassVar[int]
    ERASURE_REQUEST_FIELD_NUMBER: _ClassVar[int]
    ERASURE_ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    ERASURE_CONCLUDED_FIELD_NUMBER: _ClassVar[int]
    ERASURE_FIELD_NUMBER: _ClassVar[int]
    CONTEST_RAISED_FIELD_NUMBER: _ClassVar[int]
    RECORD_EXPORTED_FIELD_NUMBER: _ClassVar[int]
    CASE_STEP_FIELD_NUMBER: _ClassVar[int]
    CASE_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    CASE_CONCLUDED_FIELD_NUMBER: _ClassVar[int]
    STATUS_NOTICE_FIELD_NUMBER: _ClassVar[int]
    NOTICE_TAKEN_FIELD_NUMBER: _ClassVar[int]
    protocol: int
    speaker: str
    said_at_us: int
    trust: TrustReference
    query: Query
    answer: Answer
    no_answer: NoAnswer
    conclusion: Conclusion
    registry_event: RegistryEvent
    consent_event: ConsentEvent
    trust_adopted: TrustAdopted
    audit_access: AuditAccess
    erasure_request: ErasureRequest
    erasure_acknowledged: ErasureAcknowledged
    erasure_concluded: ErasureConcluded
    erasure: Erasure
    contest_raised: ContestRaised
    record_exported: RecordExported
    case_step: CaseStep
    case_received: CaseReceived
    case_concluded: CaseConcluded
    status_notice: StatusNotice
    notice_taken: NoticeTaken
    def __init__(self, protocol: _Optional[int] = ..., speaker: _Optional[str] = ..., said_at_us: _Optional[int] = ..., trust: _Optional[_Union[TrustReference, _Mapping]] = ..., query: _Optional[_Union[Query, _Mapping]] = ..., answer: _Optional[_Union[Answer, _Mapping]] = ..., no_answer: _Optional[_Union[NoAnswer, _Mapping]] = ..., conclusion: _Optional[_Union[Conclusion, _Mapping]] = ..., registry_event: _Optional[_Union[RegistryEvent, _Mapping]] = ..., consent_event: _Optional[_Union[ConsentEvent, _Mapping]] = ..., trust_adopted: _Optional[_Union[TrustAdopted, _Mapping]] = ..., audit_access: _Optional[_Union[AuditAccess, _Mapping]] = ..., erasure_request: _Optional[_Union[ErasureRequest, _Mapping]] = ..., erasure_acknowledged: _Optional[_Union[ErasureAcknowledged, _Mapping]] = ..., erasure_concluded: _Optional[_Union[ErasureConcluded, _Mapping]] = ..., erasure: _Optional[_Union[Erasure, _Mapping]] = ..., contest_raised: _Optional[_Union[ContestRaised, _Mapping]] = ..., record_exported: _Optional[_Union[RecordExported, _Mapping]] = ..., case_step: _Optional[_Union[CaseStep, _Mapping]] = ..., case_received: _Optional[_Union[CaseReceived, _Mapping]] = ..., case_concluded: _Optional[_Union[CaseConcluded, _Mapping]] = ..., status_notice: _Optional[_Union[StatusNotice, _Mapping]] = ..., notice_taken: _Optional[_Union[NoticeTaken, _Mapping]] = ...) -> None: ...

class TrustReference(_message.Message):
    __slots__ = ("version", "digest")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    version: int
    digest: bytes
    def __init__(self, version: _Optional[int] = ..., digest: _Optional[bytes] = ...) -> None: ...

class Query(_message.Message):
    __slots__ = ("audience", "nonce", "purpose", "share_code", "wanted", "requester", "answer_by_us", "agreement")
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    SHARE_CODE_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_FIELD_NUMBER: _ClassVar[int]
    ANSWER_BY_US_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    audience: str
    nonce: bytes
    purpose: Purpose
    share_code: ShareCodeSelector
    wanted: _containers.RepeatedScalarFieldContainer[Field]
    requester: Requester
    answer_by_us: int
    agreement: AgreementReference
    def __init__(self, audience: _Optional[str] = ..., nonce: _Optional[bytes] = ..., purpose: _Optional[_Union[Purpose, str]] = ..., share_code: _Optional[_Union[ShareCodeSelector, _Mapping]] = ..., wanted: _Optional[_Iterable[_Union[Field, str]]] = ..., requester: _Optional[_Union[Requester, _Mapping]] = ..., answer_by_us: _Optional[int] = ..., agreement: _Optional[_Union[AgreementReference, _Mapping]] = ...) -> None: ...

class ShareCodeSelector(_message.Message):
    __slots__ = ("code_digest", "holder_proof")
    CODE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    HOLDER_PROOF_FIELD_NUMBER: _ClassVar[int]
    code_digest: bytes
    holder_proof: bytes
    def __init__(self, code_digest: _Optional[bytes] = ..., holder_proof: _Optional[bytes] = ...) -> None: ...

class Requester(_message.Message):
    __slots__ = ("legal_name", "register_id", "sector")
    LEGAL_NAME_FIELD_NUMBER: _ClassVar[int]
    REGISTER_ID_FIELD_NUMBER: _ClassVar[int]
    SECTOR_FIELD_NUMBER: _ClassVar[int]
    legal_name: str
    register_id: str
    sector: str
    def __init__(self, legal_name: _Optional[str] = ..., register_id: _Optional[str] = ..., sector: _Optional[str] = ...) -> None: ...

class AgreementReference(_message.Message):
    __slots__ = ("id", "version")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: int
    def __init__(self, id: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("query", "outcome", "rule", "disclosed", "registry_position", "evaluated_at_us", "good_until_us")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    DISCLOSED_FIELD_NUMBER: _ClassVar[int]
    REGISTRY_POSITION_FIELD_NUMBER: _ClassVar[int]
    EVALUATED_AT_US_FIELD_NUMBER: _ClassVar[int]
    GOOD_UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    query: bytes
    outcome: Outcome
    rule: Rule
    disclosed: _containers.RepeatedCompositeFieldContainer[Disclosure]
    registry_position: int
    evaluated_at_us: int
    good_until_us: int
    def __init__(self, query: _Optional[bytes] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., rule: _Optional[_Union[Rule, str]] = ..., disclosed: _Optional[_Iterable[_Union[Disclosure, _Mapping]]] = ..., registry_position: _Optional[int] = ..., evaluated_at_us: _Optional[int] = ..., good_until_us: _Optional[int] = ...) -> None: ...

class Disclosure(_message.Message):
    __slots__ = ("field", "value")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    field: Field
    value: str
    def __init__(self, field: _Optional[_Union[Field, str]] = ..., value: _Optional[str] = ...) -> None: ...

class NoAnswer(_message.Message):
    __slots__ = ("query", "code")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    query: bytes
    code: RefusalCode
    def __init__(self, query: _Optional[bytes] = ..., code: _Optional[_Union[RefusalCode, str]] = ...) -> None: ...

class Conclusion(_message.Message):
    __slots__ = ("query", "answer", "outcome")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    query: bytes
    answer: bytes
    outcome: Outcome
    def __init__(self, query: _Optional[bytes] = ..., answer: _Optional[bytes] = ..., outcome: _Optional[_Union[Outcome, str]] = ...) -> None: ...

class RegistryEvent(_message.Message):
    __slots__ = ("registered", "status_changed", "amended", "renewed", "superseded", "revocation_proposed", "by", "effective_from_us")
    REGISTERED_FIELD_NUMBER: _ClassVar[int]
    STATUS_CHANGED_FIELD_NUMBER: _ClassVar[int]
    AMENDED_FIELD_NUMBER: _ClassVar[int]
    RENEWED_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDED_FIELD_NUMBER: _ClassVar[int]
    REVOCATION_PROPOSED_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVE_FROM_US_FIELD_NUMBER: _ClassVar[int]
    registered: Credential
    status_changed: StatusChange
    amended: Amendment
    renewed: Renewed
    superseded: Superseded
    revocation_proposed: RevocationProposal
    by: Person
    effective_from_us: int
    def __init__(self, registered: _Optional[_Union[Credential, _Mapping]] = ..., status_changed: _Optional[_Union[StatusChange, _Mapping]] = ..., amended: _Optional[_Union[Amendment, _Mapping]] = ..., renewed: _Optional[_Union[Renewed, _Mapping]] = ..., superseded: _Optional[_Union[Superseded, _Mapping]] = ..., revocation_proposed: _Optional[_Union[RevocationProposal, _Mapping]] = ..., by: _Optional[_Union[Person, _Mapping]] = ..., effective_from_us: _Optional[int] = ...) -> None: ...

class Person(_message.Message):
    __slots__ = ("name", "role")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    name: str
    role: str
    def __init__(self, name: _Optional[str] = ..., role: _Optional[str] = ...) -> None: ...

class Credential(_message.Message):
    __slots__ = ("number", "holder_name", "birth_date", "issuer", "title", "award_type", "isco08", "level_national", "level_eqf", "awarded_on", "expires_on", "status", "assessment_method", "language", "units", "valid_from", "details")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    HOLDER_NAME_FIELD_NUMBER: _ClassVar[int]
    BIRTH_DATE_FIELD_NUMBER: _ClassVar[int]
    ISSUER_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    AWARD_TYPE_FIELD_NUMBER: _ClassVar[int]
    ISCO08_FIELD_NUMBER: _ClassVar[int]
    LEVEL_NATIONAL_FIELD_NUMBER: _ClassVar[int]
    LEVEL_EQF_FIELD_NUMBER: _ClassVar[int]
    AWARDED_ON_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_ON_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ASSESSMENT_METHOD_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    number: str
    holder_name: str
    birth_date: str
    issuer: str
    title: str
    award_type: AwardType
    isco08: str
    level_national: str
    level_eqf: int
    awarded_on: str
    expires_on: str
    status: Status
    assessment_method: AssessmentMethod
    language: str
    units: _containers.RepeatedCompositeFieldContainer[Unit]
    valid_from: str
    details: CredentialDetails
    def __init__(self, number: _Optional[str] = ..., holder_name: _Optional[str] = ..., birth_date: _Optional[str] = ..., issuer: _Optional[str] = ..., title: _Optional[str] = ..., award_type: _Optional[_Union[AwardType, str]] = ..., isco08: _Optional[str] = ..., level_national: _Optional[str] = ..., level_eqf: _Optional[int] = ..., awarded_on: _Optional[str] = ..., expires_on: _Optional[str] = ..., status: _Optional[_Union[Status, str]] = ..., assessment_method: _Optional[_Union[AssessmentMethod, str]] = ..., language: _Optional[str] = ..., units: _Optional[_Iterable[_Union[Unit, _Mapping]]] = ..., valid_from: _Optional[str] = ..., details: _Optional[_Union[CredentialDetails, _Mapping]] = ...) -> None: ...

class CredentialDetails(_message.Message):
    __slots__ = ("titles", "accreditation", "esco", "isced_f", "national_codes", "level_aqrf", "level_sadcqf", "level_cvq", "learning_outcomes", "credits", "hours", "work_based_hours", "assessments", "languages", "renewal", "parts", "supersedes")
    TITLES_FIELD_NUMBER: _ClassVar[int]
    ACCREDITATION_FIELD_NUMBER: _ClassVar[int]
    ESCO_FIELD_NUMBER: _ClassVar[int]
    ISCED_F_FIELD_NUMBER: _ClassVar[int]
    NATIONAL_CODES_FIELD_NUMBER: _ClassVar[int]
    LEVEL_AQRF_FIELD_NUMBER: _ClassVar[int]
    LEVEL_SADCQF_FIELD_NUMBER: _ClassVar[int]
    LEVEL_CVQ_FIELD_NUMBER: _ClassVar[int]
    LEARNING_OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    HOURS_FIELD_NUMBER: _ClassVar[int]
    WORK_BASED_HOURS_FIELD_NUMBER: _ClassVar[int]
    ASSESSMENTS_FIELD_NUMBER: _ClassVar[int]
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    RENEWAL_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    SUPERSEDES_FIELD_NUMBER: _ClassVar[int]
    titles: _containers.RepeatedCompositeFieldContainer[Title]
    accreditation: Accredited
    esco: str
    isced_f: str
    national_codes: _containers.RepeatedCompositeFieldContainer[NationalCode]
    level_aqrf: int
    level_sadcqf: int
    level_cvq: int
    learning_outcomes: _containers.RepeatedScalarFieldContainer[str]
    credits: Credits
    hours: int
    work_based_hours: int
    assessments: _containers.RepeatedCompositeFieldContainer[Assessment]
    languages: _containers.RepeatedScalarFieldContainer[str]
    renewal: Renewal
    parts: _containers.RepeatedScalarFieldContainer[str]
    supersedes: str
    def __init__(self, titles: _Optional[_Iterable[_Union[Title, _Mapping]]] = ..., accreditation: _Optional[_Union[Accredited, _Mapping]] = ..., esco: _Optional[str] = ..., isced_f: _Optional[str] = ..., national_codes: _Optional[_Iterable[_Union[NationalCode, _Mapping]]] = ..., level_aqrf: _Optional[int] = ..., level_sadcqf: _Optional[int] = ..., level_cvq: _Optional[int] = ..., learning_outcomes: _Optional[_Iterable[str]] = ..., credits: _Optional[_Union[Credits, _Mapping]] = ..., hours: _Optional[int] = ..., work_based_hours: _Optional[int] = ..., assessments: _Optional[_Iterable[_Union[Assessment, _Mapping]]] = ..., languages: _Optional[_Iterable[str]] = ..., renewal: _Optional[_Union[Renewal, _Mapping]] = ..., parts: _Optional[_Iterable[str]] = ..., supersedes: _Optional[str] = ...) -> None: ...

class Title(_message.Message):
    __slots__ = ("language", "text")
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    language: str
    text: str
    def __init__(self, language: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Accredited(_message.Message):
    __slots__ = ("since", "by")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    since: str
    by: str
    def __init__(self, since: _Optional[str] = ..., by: _Optional[str] = ...) -> None: ...

class NationalCode(_message.Message):
    __slots__ = ("country", "scheme", "code")
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    SCHEME_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    country: str
    scheme: str
    code: str
    def __init__(self, country: _Optional[str] = ..., scheme: _Optional[str] = ..., code: _Optional[str] = ...) -> None: ...

class Credits(_message.Message):
    __slots__ = ("points", "scheme")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    SCHEME_FIELD_NUMBER: _ClassVar[int]
    points: str
    scheme: str
    def __init__(self, points: _Optional[str] = ..., scheme: _Optional[str] = ...) -> None: ...

class Assessment(_message.Message):
    __slots__ = ("method", "on")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    method: AssessmentMethod
    on: str
    def __init__(self, method: _Optional[_Union[AssessmentMethod, str]] = ..., on: _Optional[str] = ...) -> None: ...

class Renewal(_message.Message):
    __slots__ = ("every_months", "rule")
    EVERY_MONTHS_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    every_months: int
    rule: str
    def __init__(self, every_months: _Optional[int] = ..., rule: _Optional[str] = ...) -> None: ...

class Unit(_message.Message):
    __slots__ = ("code", "title")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    code: str
    title: str
    def __init__(self, code: _Optional[str] = ..., title: _Optional[str] = ...) -> None: ...

class StatusChange(_message.Message):
    __slots__ = ("number", "status", "ground", "cause")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    GROUND_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    number: str
    status: Status
    ground: str
    cause: RevocationGround
    def __init__(self, number: _Optional[str] = ..., status: _Optional[_Union[Status, str]] = ..., ground: _Optional[str] = ..., cause: _Optional[_Union[RevocationGround, str]] = ...) -> None: ...

class Amendment(_message.Message):
    __slots__ = ("credential", "reason")
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    credential: Credential
    reason: str
    def __init__(self, credential: _Optional[_Union[Credential, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class Renewed(_message.Message):
    __slots__ = ("number", "expires_on", "ground")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_ON_FIELD_NUMBER: _ClassVar[int]
    GROUND_FIELD_NUMBER: _ClassVar[int]
    number: str
    expires_on: str
    ground: str
    def __init__(self, number: _Optional[str] = ..., expires_on: _Optional[str] = ..., ground: _Optional[str] = ...) -> None: ...

class Superseded(_message.Message):
    __slots__ = ("number", "successor", "ground")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SUCCESSOR_FIELD_NUMBER: _ClassVar[int]
    GROUND_FIELD_NUMBER: _ClassVar[int]
    number: str
    successor: str
    ground: str
    def __init__(self, number: _Optional[str] = ..., successor: _Optional[str] = ..., ground: _Optional[str] = ...) -> None: ...

class RevocationProposal(_message.Message):
    __slots__ = ("number", "cause", "ground")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    GROUND_FIELD_NUMBER: _ClassVar[int]
    number: str
    cause: RevocationGround
    ground: str
    def __init__(self, number: _Optional[str] = ..., cause: _Optional[_Union[RevocationGround, str]] = ..., ground: _Optional[str] = ...) -> None: ...

class ConsentEvent(_message.Message):
    __slots__ = ("given", "ended", "watch_given", "watch_ended")
    GIVEN_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    WATCH_GIVEN_FIELD_NUMBER: _ClassVar[int]
    WATCH_ENDED_FIELD_NUMBER: _ClassVar[int]
    given: ConsentGiven
    ended: ConsentEnded
    watch_given: WatchGiven
    watch_ended: WatchEnded
    def __init__(self, given: _Optional[_Union[ConsentGiven, _Mapping]] = ..., ended: _Optional[_Union[ConsentEnded, _Mapping]] = ..., watch_given: _Optional[_Union[WatchGiven, _Mapping]] = ..., watch_ended: _Optional[_Union[WatchEnded, _Mapping]] = ...) -> None: ...

class ConsentGiven(_message.Message):
    __slots__ = ("code_digest", "holder_proof", "credential", "purpose", "fields", "uses", "expires_at_us", "requester")
    CODE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    HOLDER_PROOF_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    PURPOSE_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    USES_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_FIELD_NUMBER: _ClassVar[int]
    code_digest: bytes
    holder_proof: bytes
    credential: str
    purpose: Purpose
    fields: _containers.RepeatedScalarFieldContainer[Field]
    uses: int
    expires_at_us: int
    requester: str
    def __init__(self, code_digest: _Optional[bytes] = ..., holder_proof: _Optional[bytes] = ..., credential: _Optional[str] = ..., purpose: _Optional[_Union[Purpose, str]] = ..., fields: _Optional[_Iterable[_Union[Field, str]]] = ..., uses: _Optional[int] = ..., expires_at_us: _Optional[int] = ..., requester: _Optional[str] = ...) -> None: ...

class ConsentEnded(_message.Message):
    __slots__ = ("code_digest", "cause")
    CODE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    code_digest: bytes
    cause: ConsentEnd
    def __init__(self, code_digest: _Optional[bytes] = ..., cause: _Optional[_Union[ConsentEnd, str]] = ...) -> None: ...

class WatchGiven(_message.Message):
    __slots__ = ("watch", "credential", "watcher", "expires_at_us")
    WATCH_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    WATCHER_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    watch: bytes
    credential: str
    watcher: Watcher
    expires_at_us: int
    def __init__(self, watch: _Optional[bytes] = ..., credential: _Optional[str] = ..., watcher: _Optional[_Union[Watcher, _Mapping]] = ..., expires_at_us: _Optional[int] = ...) -> None: ...

class Watcher(_message.Message):
    __slots__ = ("node", "legal_name", "register_id")
    NODE_FIELD_NUMBER: _ClassVar[int]
    LEGAL_NAME_FIELD_NUMBER: _ClassVar[int]
    REGISTER_ID_FIELD_NUMBER: _ClassVar[int]
    node: str
    legal_name: str
    register_id: str
    def __init__(self, node: _Optional[str] = ..., legal_name: _Optional[str] = ..., register_id: _Optional[str] = ...) -> None: ...

class WatchEnded(_message.Message):
    __slots__ = ("watch", "cause")
    WATCH_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    watch: bytes
    cause: ConsentEnd
    def __init__(self, watch: _Optional[bytes] = ..., cause: _Optional[_Union[ConsentEnd, str]] = ...) -> None: ...

class StatusNotice(_message.Message):
    __slots__ = ("audience", "watch", "register_id", "outcome", "expires_at_us")
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    WATCH_FIELD_NUMBER: _ClassVar[int]
    REGISTER_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_US_FIELD_NUMBER: _ClassVar[int]
    audience: str
    watch: bytes
    register_id: str
    outcome: Outcome
    expires_at_us: int
    def __init__(self, audience: _Optional[str] = ..., watch: _Optional[bytes] = ..., register_id: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., expires_at_us: _Optional[int] = ...) -> None: ...

class NoticeTaken(_message.Message):
    __slots__ = ("notice", "watch", "register_id", "outcome")
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    WATCH_FIELD_NUMBER: _ClassVar[int]
    REGISTER_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    notice: bytes
    watch: bytes
    register_id: str
    outcome: Outcome
    def __init__(self, notice: _Optional[bytes] = ..., watch: _Optional[bytes] = ..., register_id: _Optional[str] = ..., outcome: _Optional[_Union[Outcome, str]] = ...) -> None: ...

class ContestRaised(_message.Message):
    __slots__ = ("credential", "entry", "complaint", "text")
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    COMPLAINT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    credential: str
    entry: int
    complaint: Complaint
    text: str
    def __init__(self, credential: _Optional[str] = ..., entry: _Optional[int] = ..., complaint: _Optional[_Union[Complaint, str]] = ..., text: _Optional[str] = ...) -> None: ...

class RecordExported(_message.Message):
    __slots__ = ("digest",)
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    digest: bytes
    def __init__(self, digest: _Optional[bytes] = ...) -> None: ...

class TrustAdopted(_message.Message):
    __slots__ = ("version", "digest")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    version: int
    digest: bytes
    def __init__(self, version: _Optional[int] = ..., digest: _Optional[bytes] = ...) -> None: ...

class AuditAccess(_message.Message):
    __slots__ = ("kind", "reader", "ground", "credential", "peer", "since_us", "until_us", "body", "outcome", "grant", "recipients")
    KIND_FIELD_NUMBER: _ClassVar[int]
    READER_FIELD_NUMBER: _ClassVar[int]
    GROUND_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    kind: AccessKind
    reader: str
    ground: str
    credential: bool
    peer: str
    since_us: int
    until_us: int
    body: int
    outcome: Outcome
    grant: Grant
    recipients: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, kind: _Optional[_Union[AccessKind, str]] = ..., reader: _Optional[str] = ..., ground: _Optional[str] = ..., credential: _Optional[bool] = ..., peer: _Optional[str] = ..., since_us: _Optional[int] = ..., until_us: _Optional[int] = ..., body: _Optional[int] = ..., outcome: _Optional[_Union[Outcome, str]] = ..., grant: _Optional[_Union[Grant, _Mapping]] = ..., recipients: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("start", "end", "kinds")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    kinds: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ..., kinds: _Optional[_Iterable[int]] = ...) -> None: ...

class Erasure(_message.Message):
    __slots__ = ("entries", "kind", "rule", "authority")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    AUTHORITY_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedScalarFieldContainer[int]
    kind: int
    rule: str
    authority: str
    def __init__(self, entries: _Optional[_Iterable[int]] = ..., kind: _Optional[int] = ..., rule: _Optional[str] = ..., authority: _Optional[str] = ...) -> None: ...

class ErasureRequest(_message.Message):
    __slots__ = ("audience", "exchanges", "rule", "answer_by_us")
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    EXCHANGES_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_BY_US_FIELD_NUMBER: _ClassVar[int]
    audience: str
    exchanges: _containers.RepeatedCompositeFieldContainer[SharedExchange]
    rule: str
    answer_by_us: int
    def __init__(self, audience: _Optional[str] = ..., exchanges: _Optional[_Iterable[_Union[SharedExchange, _Mapping]]] = ..., rule: _Optional[str] = ..., answer_by_us: _Optional[int] = ...) -> None: ...

class SharedExchange(_message.Message):
    __slots__ = ("query_index", "query", "answer_index", "answer")
    QUERY_INDEX_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ANSWER_INDEX_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    query_index: int
    query: bytes
    answer_index: int
    answer: bytes
    def __init__(self, query_index: _Optional[int] = ..., query: _Optional[bytes] = ..., answer_index: _Optional[int] = ..., answer: _Optional[bytes] = ...) -> None: ...

class ErasureAcknowledged(_message.Message):
    __slots__ = ("request", "erased", "kept")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ERASED_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    request: bytes
    erased: _containers.RepeatedScalarFieldContainer[bytes]
    kept: _containers.RepeatedCompositeFieldContainer[KeptExchange]
    def __init__(self, request: _Optional[bytes] = ..., erased: _Optional[_Iterable[bytes]] = ..., kept: _Optional[_Iterable[_Union[KeptExchange, _Mapping]]] = ...) -> None: ...

class KeptExchange(_message.Message):
    __slots__ = ("query", "reason")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    query: bytes
    reason: KeptFor
    def __init__(self, query: _Optional[bytes] = ..., reason: _Optional[_Union[KeptFor, str]] = ...) -> None: ...

class ErasureConcluded(_message.Message):
    __slots__ = ("request", "acknowledgement")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    request: bytes
    acknowledgement: bytes
    def __init__(self, request: _Optional[bytes] = ..., acknowledgement: _Optional[bytes] = ...) -> None: ...

class CaseStep(_message.Message):
    __slots__ = ("case_id", "audience", "kind", "author", "number", "parts", "ruling", "ground", "wanted", "opening")
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    AUDIENCE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    RULING_FIELD_NUMBER: _ClassVar[int]
    GROUND_FIELD_NUMBER: _ClassVar[int]
    WANTED_FIELD_NUMBER: _ClassVar[int]
    OPENING_FIELD_NUMBER: _ClassVar[int]
    case_id: bytes
    audience: str
    kind: StepKind
    author: CaseAuthor
    number: int
    parts: _containers.RepeatedCompositeFieldContainer[CasePartReference]
    ruling: Ruling
    ground: str
    wanted: _containers.RepeatedScalarFieldContainer[str]
    opening: CaseOpening
    def __init__(self, case_id: _Optional[bytes] = ..., audience: _Optional[str] = ..., kind: _Optional[_Union[StepKind, str]] = ..., author: _Optional[_Union[CaseAuthor, str]] = ..., number: _Optional[int] = ..., parts: _Optional[_Iterable[_Union[CasePartReference, _Mapping]]] = ..., ruling: _Optional[_Union[Ruling, str]] = ..., ground: _Optional[str] = ..., wanted: _Optional[_Iterable[str]] = ..., opening: _Optional[_Union[CaseOpening, _Mapping]] = ...) -> None: ...

class CasePartReference(_message.Message):
    __slots__ = ("digest", "size_bytes", "word")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    WORD_FIELD_NUMBER: _ClassVar[int]
    digest: bytes
    size_bytes: int
    word: str
    def __init__(self, digest: _Optional[bytes] = ..., size_bytes: _Optional[int] = ..., word: _Optional[str] = ...) -> None: ...

class CaseOpening(_message.Message):
    __slots__ = ("kind", "subject_kind", "subject", "subject_position", "decider", "agreement", "route", "terms", "recipient")
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_POSITION_FIELD_NUMBER: _ClassVar[int]
    DECIDER_FIELD_NUMBER: _ClassVar[int]
    AGREEMENT_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    kind: CaseKind
    subject_kind: SubjectKind
    subject: bytes
    subject_position: int
    decider: str
    agreement: AgreementReference
    route: str
    terms: bytes
    recipient: str
    def __init__(self, kind: _Optional[_Union[CaseKind, str]] = ..., subject_kind: _Optional[_Union[SubjectKind, str]] = ..., subject: _Optional[bytes] = ..., subject_position: _Optional[int] = ..., decider: _Optional[str] = ..., agreement: _Optional[_Union[AgreementReference, _Mapping]] = ..., route: _Optional[str] = ..., terms: _Optional[bytes] = ..., recipient: _Optional[str] = ...) -> None: ...

class CaseReceived(_message.Message):
    __slots__ = ("case_id", "step", "number", "recipient", "reason")
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    RECIPIENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    case_id: bytes
    step: bytes
    number: int
    recipient: str
    reason: str
    def __init__(self, case_id: _Optional[bytes] = ..., step: _Optional[bytes] = ..., number: _Optional[int] = ..., recipient: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class CaseConcluded(_message.Message):
    __slots__ = ("case_id", "step", "receipt", "number")
    CASE_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    case_id: bytes
    step: bytes
    receipt: bytes
    number: int
    def __init__(self, case_id: _Optional[bytes] = ..., step: _Optional[bytes] = ..., receipt: _Optional[bytes] = ..., number: _Optional[int] = ...) -> None: ...

class ExportRecord(_message.Message):
    __slots__ = ("header", "trust", "entry", "checkpoint", "counterpart", "commitments")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    TRUST_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    COUNTERPART_FIELD_NUMBER: _ClassVar[int]
    COMMITMENTS_FIELD_NUMBER: _ClassVar[int]
    header: ExportHeader
    trust: TrustList
    entry: ExportEntry
    checkpoint: ExportCheckpoint
    counterpart: Counterpart
    commitments: ExportCommitments
    def __init__(self, header: _Optional[_Union[ExportHeader, _Mapping]] = ..., trust: _Optional[_Union[TrustList, _Mapping]] = ..., entry: _Optional[_Union[ExportEntry, _Mapping]] = ..., checkpoint: _Optional[_Union[ExportCheckpoint, _Mapping]] = ..., counterpart: _Optional[_Union[Counterpart, _Mapping]] = ..., commitments: _Optional[_Union[ExportCommitments, _Mapping]] = ...) -> None: ...

class ExportHeader(_message.Message):
    __slots__ = ("format", "node", "origin", "grant", "access", "schemas")
    class SchemasEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    SCHEMAS_FIELD_NUMBER: _ClassVar[int]
    format: int
    node: str
    origin: str
    grant: Grant
    access: int
    schemas: _containers.ScalarMap[str, bytes]
    def __init__(self, format: _Optional[int] = ..., node: _Optional[str] = ..., origin: _Optional[str] = ..., grant: _Optional[_Union[Grant, _Mapping]] = ..., access: _Optional[int] = ..., schemas: _Optional[_Mapping[str, bytes]] = ...) -> None: ...

class TrustList(_message.Message):
    __slots__ = ("metadata", "files", "dropped_metadata", "dropped_files")
    class MetadataEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    class FilesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    METADATA_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    DROPPED_METADATA_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FILES_FIELD_NUMBER: _ClassVar[int]
    metadata: _containers.ScalarMap[str, bytes]
    files: _containers.ScalarMap[str, bytes]
    dropped_metadata: _containers.RepeatedScalarFieldContainer[str]
    dropped_files: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, metadata: _Optional[_Mapping[str, bytes]] = ..., files: _Optional[_Mapping[str, bytes]] = ..., dropped_metadata: _Optional[_Iterable[str]] = ..., dropped_files: _Optional[_Iterable[str]] = ...) -> None: ...

class ExportEntry(_message.Message):
    __slots__ = ("index", "salt", "statement")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    SALT_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    index: int
    salt: bytes
    statement: bytes
    def __init__(self, index: _Optional[int] = ..., salt: _Optional[bytes] = ..., statement: _Optional[bytes] = ...) -> None: ...

class ExportCommitments(_message.Message):
    __slots__ = ("start", "commitments")
    START_FIELD_NUMBER: _ClassVar[int]
    COMMITMENTS_FIELD_NUMBER: _ClassVar[int]
    start: int
    commitments: bytes
    def __init__(self, start: _Optional[int] = ..., commitments: _Optional[bytes] = ...) -> None: ...

class ExportCheckpoint(_message.Message):
    __slots__ = ("size", "note")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    size: int
    note: bytes
    def __init__(self, size: _Optional[int] = ..., note: _Optional[bytes] = ...) -> None: ...

class Counterpart(_message.Message):
    __slots__ = ("index", "peer", "sealed", "checkpoint")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    index: int
    peer: str
    sealed: SealedStatement
    checkpoint: bytes
    def __init__(self, index: _Optional[int] = ..., peer: _Optional[str] = ..., sealed: _Optional[_Union[SealedStatement, _Mapping]] = ..., checkpoint: _Optional[bytes] = ...) -> None: ...
