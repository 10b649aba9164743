"""What the registrations of a bundle say of a status: docs/bundle.md, Status."""

import tables
from forms import HASH, U16, U32, U64, Bad, Bool, Fixed, Int, List, Option, Struct, Tagged, Text, whole


class Ranged(Int):
    """An integer of a range."""

    def __init__(self, size, least, most):
        super().__init__(size)
        self.least, self.most = least, most

    def read(self, reader):
        value = super().read(reader)
        if not self.least <= value <= self.most:
            raise Bad("out of range")
        return value


class LedgerNumber(Fixed):
    """As in a key, save that any two capital letters will do."""

    def read(self, reader):
        data = super().read(reader)
        if not all(65 <= letter <= 90 for letter in data[4:6]) or not tables.is_ledger_number(data[:4] + b"PR" + data[6:]):
            raise Bad("no ledger number")
        return data


def byte(least, most):
    return Ranged(1, least, most)


PHASES = (
    "SUBMITTED", "NEED_SUPPLEMENT", "ACCEPTED", "UNDER_REVIEW", "REVIEWED", "NOTICE", "ISSUED", "REJECTED", "WITHDRAWN",
    "CANCELLED", "REVOKED",
)
PHASE, DAY = byte(1, 11), Ranged(4, 0, 2_932_896)
ORG = Text(64, lambda text: text.isascii() and tables.is_org_id(text.encode()))
DOCUMENT = Struct(algorithm=byte(1, 2), digest=HASH)
REQUEST = Tagged(
    True,
    {
        "RENEWAL": (1, Struct()),
        "CHANGE": (2, Struct(revision=U32, is_material=Bool())),
        "TRANSFER": (3, Struct(giver=ORG, taker=ORG, contract=DOCUMENT)),
        "CANCEL": (4, Struct()),
    },
)
REGISTRATION = Struct(
    id=U32, kind_of=byte(1, 7), ledger_no=Option(LedgerNumber(12)),
    official=List(Struct(scheme=Text(64), code=Text(64)), 4), phase=PHASE, resume=Option(PHASE), version=U32,
    revision=U32, revision_last=U32, statement=HASH, applicant=ORG, agent=Option(ORG), holders=List(ORG, 8),
    registrar=ORG, rule_set=Struct(name=Text(64), version=U32), effective_class=byte(0, 7),
    effective_pi_level=byte(0, 3), submitted_at_ms=U64, supplement_requested=Option(DAY),
    clock=Option(Struct(due=Option(DAY), working_days=U16)),
    notice=Option(Struct(first=DAY, last=DAY, closes_at_ms=U64, stopped_wd=Option(U16))), objections_open=U16,
    objections=U32, holds=List(Struct(authority=ORG, case=Text(64), document=DOCUMENT, since_ms=U64), 16),
    pending=Option(Struct(request=REQUEST, requested_at_ms=U64, requested_by=ORG, is_approved=Bool())),
    encumbrances=List(Struct(kind_of=byte(1, 4), party=ORG, record=U64), 64), valid_from=Option(DAY),
    valid_to=Option(DAY), log=U32,
)


def status(found, time_ms):
    """The status of a registration at a time."""
    phase, last = PHASES[found["phase"] - 1], found["valid_to"]
    if phase == "NOTICE" and found["objections_open"]:
        return "OBJECTED"
    if phase != "ISSUED":
        return phase
    if last is not None and time_ms >= (last + 1) * 86_400_000 - 28_800_000:
        return "EXPIRED"
    if found["holds"]:
        return "SUSPENDED"
    return "ACTIVE" if found["pending"] is None else found["pending"]["request"]["kind"] + "_PENDING"


def told(bundle, findings):
    """V10 of each registration, by a verifier that reads them."""
    proven = [f[1]["claim"] for f in findings if f[0] == "V4" and f[2] == "MATCH"]
    for number, claim in enumerate(bundle["claims"]):
        if claim["kind"] != "state" or claim["value"] is None or claim["key"][:4] != b"\0\3\0\2":
            continue
        uncertain = {"claim": number, "result": "CANNOT_CHECK", "code": "status_uncertain"}
        try:
            found = whole(REGISTRATION, claim["value"])
        except Bad:
            yield uncertain
            continue
        is_own = tables.can_hold(claim["key"]) and U32.write(found["id"]) == claim["key"][4:]
        if number not in proven or not is_own:
            yield uncertain
            continue
        time_ms = bundle["leaves"][claim["leaf"]]["leaf"]["time_ms"]
        yield {"claim": number, "result": "MATCH", "code": "status", "status": status(found, time_ms)}
