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

class ConsentEnd(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSENT_END_UNSPECIFIED: _ClassVar[ConsentEnd]
    CONSENT_END_REVOKED: _ClassVar[ConsentEnd]
    CONSENT_END_EXPIRED: _ClassVar[ConsentEnd]

class AccessKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCESS_KIND_UNSPECIFIED: _ClassVar[AccessKind]
    ACCESS_KIND_FOUND: _ClassVar[AccessKind]
    ACCESS_KIND_SHOWN: _ClassVar[AccessKind]
    ACCESS_KIND_EXPORTED: _ClassVar[AccessKind]
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
CONSENT_END_UNSPECIFIED: ConsentEnd
CONSENT_END_REVOKED: ConsentEnd
CONSENT_END_EXPIRED: ConsentEnd
ACCESS_KIND_UNSPECIFIED: AccessKind
ACCESS_KIND_FOUND: AccessKind
ACCESS_KIND_SHOWN: AccessKind
ACCESS_KIND_EXPORTED: AccessKind

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
    __slots__ = ("protocol", "speaker", "said_at_us", "trust", "query", "answer", "no_answer", "conclusion", "registry_event", "consent_event", "trust_adopted", "audit_access")
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
    def __init__(self, protocol: _Optional[int] = ..., speaker: _Optional[str] = ..., said_at_us: _Optional[int] = ..., trust: _Optional[_Union[TrustReference, _Mapping]] = ..., query: _Optional[_Union[Query, _Mapping]] = ..., answer: _Optional[_Union[Answer, _Mapping]] = ..., no_answer: _Optional[_Union[NoAnswer, _Mapping]] = ..., conclusion: _Optional[_Union[Conclusion, _Mapping]] = ..., registry_event: _Optional[_Union[RegistryEvent, _Mapping]] = ..., consent_event: _Optional[_Union[ConsentEvent, _Mapping]] = ..., trust_adopted: _Optional[_Union[TrustAdopted, _Mapping]] = ..., audit_access: _Optional[_Union[AuditAccess, _Mapping]] = ...) -> None: ...

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
    __slots__ = ("registered", "status_changed")
    REGISTERED_FIELD_NUMBER: _ClassVar[int]
    STATUS_CHANGED_FIELD_NUMBER: _ClassVar[int]
    registered: Credential
    status_changed: StatusChange
    def __init__(self, registered: _Optional[_Union[Credential, _Mapping]] = ..., status_changed: _Optional[_Union[StatusChange, _Mapping]] = ...) -> None: ...

class Credential(_message.Message):
    __slots__ = ("number", "holder_name", "birth_date", "issuer", "title", "award_type", "isco08", "level_national", "level_eqf", "awarded_on", "expires_on", "status", "assessment_method", "language", "units")
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
    def __init__(self, number: _Optional[str] = ..., holder_name: _Optional[str] = ..., birth_date: _Optional[str] = ..., issuer: _Optional[str] = ..., title: _Optional[str] = ..., award_type: _Optional[_Union[AwardType, str]] = ..., isco08: _Optional[str] = ..., level_national: _Optional[str] = ..., level_eqf: _Optional[int] = ..., awarded_on: _Optional[str] = ..., expires_on: _Optional[str] = ..., status: _Optional[_Union[Status, str]] = ..., assessment_method: _Optional[_Union[AssessmentMethod, str]] = ..., language: _Optional[str] = ..., units: _Optional[_Iterable[_Union[Unit, _Mapping]]] = ...) -> None: ...

class Unit(_message.Message):
    __slots__ = ("code", "title")
    CODE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    code: str
    title: str
    def __init__(self, code: _Optional[str] = ..., title: _Optional[str] = ...) -> None: ...

class StatusChange(_message.Message):
    __slots__ = ("number", "status", "ground")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    GROUND_FIELD_NUMBER: _ClassVar[int]
    number: str
    status: Status
    ground: str
    def __init__(self, number: _Optional[str] = ..., status: _Optional[_Union[Status, str]] = ..., ground: _Optional[str] = ...) -> None: ...

class ConsentEvent(_message.Message):
    __slots__ = ("given", "ended")
    GIVEN_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    given: ConsentGiven
    ended: ConsentEnded
    def __init__(self, given: _Optional[_Union[ConsentGiven, _Mapping]] = ..., ended: _Optional[_Union[ConsentEnded, _Mapping]] = ...) -> None: ...

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

class TrustAdopted(_message.Message):
    __slots__ = ("version", "digest")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    version: int
    digest: bytes
    def __init__(self, version: _Optional[int] = ..., digest: _Optional[bytes] = ...) -> None: ...

class AuditAccess(_message.Message):
    __slots__ = ("kind", "reader", "ground", "credential", "peer", "since_us", "until_us", "body", "outcome")
    KIND_FIELD_NUMBER: _ClassVar[int]
    READER_FIELD_NUMBER: _ClassVar[int]
    GROUND_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    SINCE_US_FIELD_NUMBER: _ClassVar[int]
    UNTIL_US_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    kind: AccessKind
    reader: str
    ground: str
    credential: bool
    peer: str
    since_us: int
    until_us: int
    body: int
    outcome: Outcome
    def __init__(self, kind: _Optional[_Union[AccessKind, str]] = ..., reader: _Optional[str] = ..., ground: _Optional[str] = ..., credential: _Optional[bool] = ..., peer: _Optional[str] = ..., since_us: _Optional[int] = ..., until_us: _Optional[int] = ..., body: _Optional[int] = ..., outcome: _Optional[_Union[Outcome, str]] = ...) -> None: ...

class ExportRecord(_message.Message):
    __slots__ = ("header", "trust", "entry", "checkpoint", "counterpart")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    TRUST_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    COUNTERPART_FIELD_NUMBER: _ClassVar[int]
    header: ExportHeader
    trust: TrustList
    entry: ExportEntry
    checkpoint: ExportCheckpoint
    counterpart: Counterpart
    def __init__(self, header: _Optional[_Union[ExportHeader, _Mapping]] = ..., trust: _Optional[_Union[TrustList, _Mapping]] = ..., entry: _Optional[_Union[ExportEntry, _Mapping]] = ..., checkpoint: _Optional[_Union[ExportCheckpoint, _Mapping]] = ..., counterpart: _Optional[_Union[Counterpart, _Mapping]] = ...) -> None: ...

class ExportHeader(_message.Message):
    __slots__ = ("format", "node", "origin")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    format: int
    node: str
    origin: str
    def __init__(self, format: _Optional[int] = ..., node: _Optional[str] = ..., origin: _Optional[str] = ...) -> None: ...

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
