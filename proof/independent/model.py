"""What bundles and checkpoints are made of: docs/protocol.md sections 4, 6, 7, 9 and docs/bundle.md."""

from forms import (
    HASH, KEY, PATH, SIGNATURE, U8, U16, U32, U64, Bad, Bool, Bytes, Fixed, List, Option, Reader, Struct, Suite,
    Tagged, Text, Tuple, Writers, ascending, is_media_type, is_path, is_set, loads, whole,
)
from hashes import domain, holding_of

HEADER = Struct(
    version=U16, chain_id=HASH, height=U64, time_ms=U64, parent=HASH, proposer=HASH, round=U32, batches_root=HASH,
    validators_hash=HASH, next_validators_hash=HASH, params_hash=HASH, executed_height=U64, history_size=U64,
    history_root=HASH, misbehavior_root=HASH, attendance_hash=HASH,
)
SIGNATURES = List(Struct(validator=HASH, signature=SIGNATURE), 128)
CERTIFICATE = Struct(height=U64, round=U32, block_id=HASH, signatures=SIGNATURES)
VALIDATORS = List(
    Struct(public_key=KEY, power=U64, node_id=HASH, organization=Text(128), interest=Text(512)), 128, is_set
)
PARAMETERS = Struct(
    transaction_bytes_max=U32, transaction_lifetime_max_ms=U64, batch_bytes_max=U32, batch_wait_ms=U32,
    batches_in_flight_max=U32, block_batches_max=U32, clock_drift_max_ms=U64, execution_lag_max=U64, heartbeat_ms=U64,
    timeout_propose_ms=U32, timeout_prevote_ms=U32, timeout_precommit_ms=U32, timeout_delta_ms=U32,
    evidence_items_max=U32, transaction_weight_max=U64, batch_weight_max=U64, block_weight_max=U64,
    author_weight_max=U64, writers=Writers(),
)
GENESIS = Struct(
    suite=Suite(), chain_name=Text(128), time_ms=U64, parameters=PARAMETERS, validators=VALIDATORS,
    modules=List(Struct(module=U16, content=Bytes(1024 * 1024)), 32, ascending),
)
CALL = Struct(module=U16, payload=Bytes(60 * 1024))
TRANSACTION = Struct(
    chain_id=HASH, signers=List(Struct(account=HASH, key_id=HASH), 8), nonce=U64, valid_until_ms=U64, calls=List(CALL, 64)
)
SIGNED = Struct(body=TRANSACTION, signatures=List(Struct(public_key=KEY, signature=SIGNATURE), 8))
OUTCOME = Tagged(True, {"ok": (0, Struct()), "refused": (1, Struct(module=U16, code=U16, call=U8))})
RECEIPT = Struct(
    transaction_id=HASH, position=U32, outcome=OUTCOME, events=List(Struct(module=U16, payload=Bytes(8 * 1024)), 256)
)
RECEIPT_PATH = Struct(inner=U8, siblings=List(HASH, 32))
LEAF = Struct(height=U64, block_id=HASH, time_ms=U64, receipts_root=HASH, state_root=HASH)
HOLDING = Struct(value_hash=Option(HASH), since=U64, version=U64, until=Option(U64))
TERMINAL = Tagged(True, {"leaf": (0, Struct(key_hash=HASH, holding=HOLDING)), "empty": (1, Struct())})
STATE_PROOF = Struct(key_hash=HASH, siblings=List(HASH, 256), terminal=TERMINAL)
CLAIM = Tagged(
    False,
    {
        "transaction": (0, Struct(leaf=U16, transaction=SIGNED, receipt=RECEIPT, path=RECEIPT_PATH)),
        "state": (1, Struct(leaf=U16, root=U16, key=Bytes(256), value=Option(Bytes(65536)), proof=STATE_PROOF)),
    },
)
ENTRY = Struct(
    path=Text(512, is_path), size=U64, sha256=HASH, sm3=HASH, mime=Option(Text(127, is_media_type))
)
ITEM = Struct(entry=ENTRY, salt=Option(HASH), path=PATH)
BUNDLE = Struct(
    claims=List(CLAIM, 64),
    openings=List(Struct(claim=U16, call=U8, items=List(ITEM, 4096)), 64),
    leaves=List(Struct(leaf=LEAF, path=PATH), 64),
    header=HEADER,
    certificate=CERTIFICATE,
    validators=VALIDATORS,
    trust_path=List(Struct(header=HEADER, certificate=CERTIFICATE, next_validators=VALIDATORS), 4096),
)
COMMITMENT = Struct(root=HASH, count=U32, bytes=U64, complete=Bool())
ACCOUNT_ROW = Tuple(
    HASH,
    Text(64),
    List(
        Tuple(
            HASH, KEY, Suite(), U8, U64, Option(U64), Option(U64), Option(U64), Option(Tuple(Text(128), Text(128))), U64
        ),
        64,
    ),
)
ORGANIZATION_ROW = Tuple(Text(64), Fixed(18), Text(256), Text(256), U8, Option(U8), Option(U32), U8)
LIMIT = 8 * 1024 * 1024


class Version(Exception):
    """A version of which nothing is read."""


class Marked(Exception):
    """A bundle behind a byte-order mark, or in another encoding."""


def is_json(data):
    """Whether bytes are to be read as JSON."""
    return data.lstrip(b" \t\n\x0c\r")[:1] == b"{"


# Mark, bytes of a character, whether the low one is first.
ENCODINGS = (
    (b"\xef\xbb\xbf", 1, True), (b"\xff\xfe\0\0", 4, True), (b"\0\0\xfe\xff", 4, False), (b"\xff\xfe", 2, True),
    (b"\xfe\xff", 2, False),
)


def is_saved_as(data, encoding):
    """Whether bytes are a bundle that somebody saved in this encoding, by how they begin."""
    mark, width, is_low_first = encoding
    text = data
    while text.startswith(mark):
        text = text[len(mark):]
    if width == 1:
        return text != data and (is_json(text) or text.startswith(b"QCBUNDLE"))
    zeros = bytes(width - 1)
    units = (text[at:at + width] for at in range(0, len(text) - width + 1, width))
    begin = b""
    for unit in units:
        byte, rest = (unit[:1], unit[1:]) if is_low_first else (unit[-1:], unit[:-1])
        if rest != zeros:
            break
        begin += byte
        if begin.strip(b" \t\n\x0c\r") and len(begin) >= 8:
            break
    return is_json(begin) or begin.startswith(b"QCBUNDLE")


def bundle_of(data):
    """A bundle from either form."""
    if any(is_saved_as(data, encoding) for encoding in ENCODINGS):
        raise Marked
    if is_json(data):
        content = framed(data, "quancheng-bundle", 64 * 1024 * 1024, 2 * 1024 * 1024)
        if content.keys() != {"format", "version", "bundle"}:
            raise Bad("other members")
        bundle = BUNDLE.parse(content["bundle"])
        if len(BUNDLE.write(bundle)) + 10 > LIMIT:
            raise Bad("too large")
    else:
        if data[:8] != b"QCBUNDLE" or len(data) < 10:
            raise Bad("no bundle")
        if data[8:10] != b"\1\0":
            raise Version
        if len(data) > LIMIT:
            raise Bad("too large")
        bundle = whole(BUNDLE, data[10:])
    shape(bundle)
    return bundle


def framed(data, name, most, separators):
    """The members of a JSON file of a format, of version 1."""
    content = loads(data, most, separators)
    if type(content) is not dict or content.get("format") != name:
        raise Bad("another format")
    version = content.get("version")
    if content.get(None, set()) & {"format", "version"}:
        raise Bad("repeated members")
    if type(version) is not int or not 0 <= version < 2**64:
        raise Bad("no version")
    if version != 1:
        raise Version
    return content


def shape(bundle):
    """The rules that types do not express."""
    claims, leaves, openings = bundle["claims"], bundle["leaves"], bundle["openings"]
    heights = [leaf["leaf"]["height"] for leaf in leaves]
    used = {claim["leaf"] for claim in claims} | {claim.get("root", claim["leaf"]) for claim in claims}
    if any(claim.get("root", claim["leaf"]) < claim["leaf"] for claim in claims) or not used <= set(range(len(leaves))):
        raise Bad("claims and leaves")
    ends = {height for claim in claims if claim["kind"] == "state" for height in ends_of(claim["proof"])}
    used |= {place for place, height in enumerate(heights) if height in ends}
    if not claims or used != set(range(len(leaves))) or any(a >= b for a, b in zip(heights, heights[1:])):
        raise Bad("claims and leaves")
    if len({subject(claim) for claim in claims}) != len(claims):
        raise Bad("one claim twice")
    places = [(opening["claim"], opening["call"]) for opening in openings]
    if any(a >= b for a, b in zip(places, places[1:])):
        raise Bad("openings out of order")
    for opening in openings:
        indexes = [item["path"]["index"] for item in opening["items"]]
        if not indexes or any(a >= b for a, b in zip(indexes, indexes[1:])):
            raise Bad("items out of order")
        if opening["claim"] >= len(claims):
            raise Bad("no such claim")
        claim = claims[opening["claim"]]
        calls = len(claim["transaction"]["body"]["calls"]) if claim["kind"] == "transaction" else 1
        if opening["call"] >= calls:
            raise Bad("no such call")


def ends_of(proof):
    """Heights at which the span of a state claim begins and ends."""
    holding = holding_of(proof)
    return () if holding is None else (holding["since"], holding["until"])


def subject(claim):
    """What a claim is about: a transaction or a key, under a leaf."""
    if claim["kind"] == "transaction":
        return claim["leaf"], "transaction", domain("transaction", TRANSACTION.write(claim["transaction"]["body"]))
    return claim["leaf"], "state", bytes(claim["key"])


def checkpoint_of(data):
    """Chain id, set, and the pinned header or None, of a checkpoint file; with its fingerprint."""
    content = framed(data, "quancheng-checkpoint", 32 * 1024 * 1024, 65536)
    if content.keys() != {"format", "version", "chain_id", "anchor"} or type(content["anchor"]) is not dict:
        raise Bad("other members")
    chain_id, anchor = HASH.parse(content["chain_id"]), dict(content["anchor"])
    kind = anchor.pop("kind", None)
    if kind == "genesis" and anchor.keys() == {"genesis"}:
        genesis = GENESIS.parse(anchor["genesis"])
        encoded, header, validators = b"\0" + GENESIS.write(genesis), None, genesis["validators"]
        if genesis["suite"] != 1 or not are_in_range(genesis["parameters"]) or domain("genesis", encoded[1:]) != chain_id:
            raise Bad("another chain")
    elif kind == "pinned" and anchor.keys() == {"header", "validators"}:
        header, validators = HEADER.parse(anchor["header"]), VALIDATORS.parse(anchor["validators"])
        encoded = b"\1" + HEADER.write(header) + VALIDATORS.write(validators)
        if header["executed_height"] >= header["height"] or header["history_size"] != header["executed_height"] + 1:
            raise Bad("a header that no block has")
        if header["chain_id"] != chain_id or set_hash(validators) != header["validators_hash"]:
            raise Bad("another chain or set")
    else:
        raise Bad("unknown anchor")
    return chain_id, validators, header, domain("checkpoint", chain_id + encoded)


RANGES = {
    "transaction_bytes_max": (1024, 65536), "transaction_lifetime_max_ms": (1000, 86_400_000),
    "batch_bytes_max": (1024, 2_097_152), "batch_wait_ms": (0, 10_000), "batches_in_flight_max": (1, 256),
    "block_batches_max": (1, 256), "clock_drift_max_ms": (10, 60_000), "execution_lag_max": (1, 64),
    "heartbeat_ms": (100, 3_600_000), "timeout_propose_ms": (100, 60_000), "timeout_prevote_ms": (10, 60_000),
    "timeout_precommit_ms": (10, 60_000), "timeout_delta_ms": (1, 60_000), "evidence_items_max": (1, 4096),
    "transaction_weight_max": (10_000, 200_000), "batch_weight_max": (10_000, 200_000),
    "block_weight_max": (200_000, 100_000_000), "author_weight_max": (10_000, 100_000_000),
}


def are_in_range(parameters):
    """Whether every parameter of a genesis is within its bounds."""
    if parameters["batch_bytes_max"] < parameters["transaction_bytes_max"]:
        return False
    if not parameters["transaction_weight_max"] <= parameters["batch_weight_max"] <= parameters["author_weight_max"]:
        return False
    return all(least <= parameters[name] <= most for name, (least, most) in RANGES.items())


def set_hash(validators):
    return domain("validator-set", VALIDATORS.write(validators))


def begins(kind, data):
    """A value that the bytes begin with, or None."""
    try:
        return kind.read(Reader(data))
    except Bad:
        return None
