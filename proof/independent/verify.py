"""The verifier of docs/bundle.md: codes, results and scopes of the findings, and the exit code. It reads no registrations (V10)."""

import ed25519
import names
import tables
from forms import HASH, KEY, Bad, whole
from hashes import agree, domain, holding_of, is_kept, leaf, path_root, receipt_root, state_fits
from model import (
    ACCOUNT_ROW, CERTIFICATE, COMMITMENT, ENTRY, LEAF, ORGANIZATION_ROW, RECEIPT, TRANSACTION, Marked, Version,
    begins, bundle_of, set_hash,
)
from forms import validator_id
from history import block_id, is_descent_shown, is_one_history

MATCH, MISMATCH, CANNOT, NOT = "MATCH", "MISMATCH", "CANNOT_CHECK", "NOT_ASSESSED"
BUNDLE = {"kind": "bundle"}
STEPS = [f"V{n}" for n in range(17)]
ALWAYS = (
    ("V8", "no_timestamp"), ("V10", "no_status"), ("V12", "no_grant"), ("V13", "pre_chain"), ("V14", "platform"),
    ("V16", "no_doubt_window"),
)


def verify(data, checkpoint, files):
    """Findings as (step, scope, result, code), and the exit code."""
    try:
        bundle = bundle_of(data)
    except Version:
        return [("V0", BUNDLE, CANNOT, "bundle_version")], 6
    except Marked:
        return [("V0", BUNDLE, CANNOT, "bundle_marked")], 6
    except Bad:
        return [("V0", BUNDLE, MISMATCH, "bundle_unreadable")], 5
    findings = Check(bundle, checkpoint, files).run()
    return findings, exit_code(findings)


def exit_code(findings):
    results = {result for _, _, result, _ in findings}
    matched = {step for step, _, result, _ in findings if result == MATCH}
    if MISMATCH in results:
        return 5
    if CANNOT in results or not {"V5", "V6"} <= matched or not matched & {"V4", "V11"}:
        return 6
    return 0


def is_sound(header, certificate, validators, chain_id):
    """Whether a quorum of the set signed the header, and the header does not contradict itself."""
    if header["chain_id"] != chain_id:
        return False
    if header["executed_height"] >= header["height"] or header["history_size"] != header["executed_height"] + 1:
        return False
    if header["validators_hash"] != set_hash(validators):
        return False
    if certificate["height"] != header["height"] or certificate["block_id"] != block_id(header):
        return False
    return is_signed(certificate, validators, chain_id)


def is_signed(certificate, validators, chain_id):
    by_id = {validator_id(validator): validator for validator in validators}
    signers = [entry["validator"] for entry in certificate["signatures"]]
    if any(a >= b for a, b in zip(signers, signers[1:])) or any(signer not in by_id for signer in signers):
        return False
    total = sum(validator["power"] for validator in validators)
    if sum(by_id[signer]["power"] for signer in signers) < 2 * total // 3 + 1:
        return False
    vote = b"".join(
        (b"\2", chain_id, certificate["height"].to_bytes(8, "little"), certificate["round"].to_bytes(4, "little"),
         b"\1", certificate["block_id"])
    )
    message = domain("vote", vote)
    return all(
        signature_state(by_id[entry["validator"]]["public_key"], message, entry["signature"]) == MATCH
        for entry in certificate["signatures"]
    )


def signature_state(key, message, signature):
    """MATCH, MISMATCH, or CANNOT for a suite that is not supported."""
    if key[0] != signature[0]:
        return MISMATCH
    if key[0] != 1:
        return CANNOT
    return MATCH if ed25519.verify(key[1], message, signature[1]) else MISMATCH


def transaction_state(transaction, chain_id):
    """The check of protocol section 4."""
    body, signatures = transaction["body"], transaction["signatures"]
    if body["chain_id"] != chain_id or not body["signers"] or not body["calls"]:
        return MISMATCH
    if len(signatures) != len(body["signers"]):
        return MISMATCH
    for index, (signer, signature) in enumerate(zip(body["signers"], signatures)):
        if domain("key", KEY.write(signature["public_key"])) != signer["key_id"]:
            return MISMATCH
        if signer in body["signers"][:index]:
            return MISMATCH
    message = domain("transaction", TRANSACTION.write(body))
    for signature in signatures:
        state = signature_state(signature["public_key"], message, signature["signature"])
        if state != MATCH:
            return state
    return MATCH


class Check:
    """One bundle against one checkpoint."""

    def __init__(self, bundle, checkpoint, files):
        self.bundle, self.files, self.out = bundle, files, []
        self.chain_id, self.anchor, self.pin, _ = checkpoint

    def say(self, step, scope, result, code):
        self.out.append((step, scope, result, code))

    def run(self):
        v6, code = self.trust_path()
        self.say("V6", BUNDLE, v6, code)
        self.say("V5", BUNDLE, *self.finality(v6))
        self.trusted = all(result == MATCH for _, _, result, _ in self.out)
        for number, claim in enumerate(self.bundle["claims"]):
            self.claim(number, claim)
        for number, claim in enumerate(self.bundle["claims"]):
            if claim["kind"] == "transaction":
                self.signers(number, claim)
        self.given()
        self.first = 0
        for opening in self.bundle["openings"]:
            self.opening(opening)
            self.first += len(opening["items"])
        for step, code in ALWAYS:
            self.say(step, BUNDLE, NOT, code)
        return sorted(self.out, key=lambda finding: STEPS.index(finding[0]))

    def finality(self, v6):
        header = self.bundle["header"]
        if not is_sound(header, self.bundle["certificate"], self.bundle["validators"], header["chain_id"]):
            return MISMATCH, "quorum_mismatch"
        if header["version"] != 1:
            return CANNOT, "rules_unknown"
        return (MATCH, "quorum") if v6 == MATCH else (CANNOT, "quorum_unconfirmed")

    def trust_path(self):
        header, pin, steps = self.bundle["header"], self.pin, self.bundle["trust_path"]
        wrong = MISMATCH, "trust_path_mismatch"
        if header["chain_id"] != self.chain_id:
            return OTHER_CHAIN
        if pin and pin["version"] != 1:
            return CANNOT, "trust_path_rules_unknown"
        if pin and header["height"] < pin["height"]:
            return CANNOT, "trust_path_too_early"
        if not self.is_pinned(header):
            return wrong
        heights = [0, *(step["header"]["height"] for step in steps), header["height"]]
        if any(a >= b for a, b in zip(heights, heights[1:])) and steps:
            return wrong
        reached = self.anchor
        for step in steps:
            own = step["header"]
            if pin and own["height"] < pin["height"]:
                continue
            if not self.is_pinned(own) or not is_sound(own, step["certificate"], reached, self.chain_id):
                return wrong
            if own["version"] != 1:
                return CANNOT, "trust_path_rules_unknown"
            following = set_hash(step["next_validators"])
            if own["next_validators_hash"] != following or own["validators_hash"] == following:
                return wrong
            reached = step["next_validators"]
        if not header["validators_hash"] == set_hash(self.bundle["validators"]) == set_hash(reached):
            return wrong
        leaves = self.leaves()
        if not is_one_history(self.bundle, pin, leaves):
            return wrong
        return MATCH, "trust_path_match" if is_descent_shown(header, pin, leaves) else "trust_path_validators"

    def leaves(self):
        """The leaves that the bundle's header certifies."""
        return [proof for proof in self.bundle["leaves"] if self.is_leaf_sound(proof)]

    def is_pinned(self, header):
        """False for another block at the height of the pin."""
        return not self.pin or header["height"] != self.pin["height"] or block_id(header) == block_id(self.pin)

    def is_leaf_sound(self, proof):
        own, path, header = proof["leaf"], proof["path"], self.bundle["header"]
        if own["height"] > header["executed_height"]:
            return False
        if path["index"] != own["height"] or path["size"] != header["history_size"]:
            return False
        if path_root(path, leaf(LEAF.write(own))) != header["history_root"] or own["time_ms"] >= header["time_ms"]:
            return False
        return own["height"] + 1 != header["height"] or own["block_id"] == header["parent"]

    def claim(self, number, claim):
        scope, proof = {"kind": "claim", "claim": number}, self.bundle["leaves"][claim["leaf"]]
        own, sound = proof["leaf"], self.is_leaf_sound(proof)

        def judge(step, fits, names):
            if not fits:
                self.say(step, scope, MISMATCH, names[0])
            elif not self.trusted:
                self.say(step, scope, CANNOT, names[1])
            else:
                self.say(step, scope, MATCH, names[2])

        def time():
            name = "genesis_time" if own["height"] == 0 else "block_time"
            judge("V7", sound, ("block_time_mismatch", "block_time_uncertain", name))

        if claim["kind"] == "transaction":
            transaction, receipt = claim["transaction"], claim["receipt"]
            fits = sound and receipt["transaction_id"] == domain("transaction", TRANSACTION.write(transaction["body"]))
            root = receipt_root(claim["path"], receipt["position"], leaf(RECEIPT.write(receipt)))
            name = "in_block" if receipt["outcome"]["kind"] == "ok" else "in_block_refused"
            judge("V4", fits and root == own["receipts_root"], ("inclusion_mismatch", "inclusion_uncertain", name))
            time()
            state = transaction_state(transaction, self.bundle["header"]["chain_id"])
            codes = {MATCH: "signed_by", MISMATCH: "signature_mismatch", CANNOT: "signature_unsupported"}
            self.say("V9", scope, state, codes[state])
            return
        key, value = claim["key"], claim["value"]
        fits = self.is_shown(claim) and all(self.agrees(other, claim) for other in self.bundle["claims"][:number])
        if value is not None:
            judge("V4", fits, ("inclusion_mismatch", "inclusion_uncertain", "in_state"))
            time()
        elif fits and self.trusted and not tables.can_hold(key):
            self.say("V11", scope, CANNOT, "absence_vacuous")
        else:
            judge("V11", fits, ("absence_mismatch", "absence_uncertain", "absent"))

    def is_shown(self, claim):
        """Whether the proof of a state claim fits, with both leaves."""
        asked, root = (self.bundle["leaves"][claim[name]] for name in ("leaf", "root"))
        if not self.is_leaf_sound(asked) or not self.is_leaf_sound(root):
            return False
        under, at = root["leaf"], asked["leaf"]["height"]
        return state_fits(claim["proof"], under["state_root"], under["height"], claim["key"], claim["value"], at)

    def agrees(self, one, other):
        """Whether an earlier claim and a claim that is shown can both be true."""
        if one["kind"] != "state" or one["key"] != other["key"] or not is_kept(one["key"]) or not self.is_shown(one):
            return True
        first, second = holding_of(one["proof"]), holding_of(other["proof"])
        if first and second:
            return agree(first, second)
        if not first and not second:
            return True
        without, holding = (one, second) if second else (other, first)
        return holding["since"] > self.bundle["leaves"][without["root"]]["leaf"]["height"] + holding["version"]

    def is_match(self, step, number):
        return any(f[0] == step and f[2] == MATCH and f[1] == {"kind": "claim", "claim": number} for f in self.out)

    def row(self, at, key):
        """None when nothing is claimed; else whether it is confirmed, and the value."""
        for number, claim in enumerate(self.bundle["claims"]):
            if claim["kind"] == "state" and claim["leaf"] == at and claim["key"] == key:
                value = claim["value"]
                return self.is_match("V11" if value is None else "V4", number), value
        return None

    def signers(self, number, claim):
        transaction = claim["transaction"]
        signed = self.is_match("V4", number) and self.is_match("V9", number)
        for place, signer in enumerate(transaction["body"]["signers"]):
            row = self.row(claim["leaf"], b"\0\1\0\2" + signer["account"])
            scope = {"kind": "signer", "claim": number, "signer": place}
            if row is None:
                self.say("V9", scope, NOT, "signer_not_carried")
            elif not signed or not row[0]:
                self.say("V9", scope, CANNOT, "signer_uncertain")
            else:
                key = transaction["signatures"][place]["public_key"]
                self.say("V9", scope, *self.signer(claim, signer, key, row[1]))

    def signer(self, claim, signer, key, value):
        refused = claim["receipt"]["outcome"]["kind"] != "ok"
        not_in_force = (MATCH, "signer_key_refused") if refused else (MISMATCH, "signer_key_not_in_force")
        if value is None:
            own_account = domain("account", KEY.write(key)) == signer["account"]
            return self.stranger(claim["leaf"], signer, key) if own_account else not_in_force
        organization = self.organization(claim["leaf"], signer["account"], value)
        if organization is None:
            return UNCERTAIN
        keys, is_verified = organization
        time_ms = self.bundle["leaves"][claim["leaf"]]["leaf"]["time_ms"]
        doubtful = CANNOT, "signer_key_doubtful"
        own = own_keys(keys, signer, key)
        in_term = [row for row in own if row[4] <= time_ms and (row[5] is None or time_ms < row[5])]
        for row in in_term:
            if row[6] is None or time_ms < row[6]:
                compromised = row[7] is not None and row[7] <= time_ms
                if compromised:
                    return doubtful
                return (MATCH, "signer_registered") if is_verified else (NOT, "signer_unverified")
        return doubtful if any(row[6] == time_ms for row in in_term) else not_in_force

    def stranger(self, at, signer, key):
        """Who signs for an account that is not registered and that the key opens."""
        bound = self.row(at, b"\0\1\0\3" + signer["key_id"])
        if bound is None:
            return NOT, "signer_key_not_carried"
        if not bound[0]:
            return UNCERTAIN
        if bound[1] is None:
            return MATCH, "signer_unregistered"
        owner = bound[1]
        row = self.row(at, b"\0\1\0\2" + owner) if len(owner) == 32 and owner != signer["account"] else None
        if row is None or not row[0] or row[1] is None:
            return UNCERTAIN
        organization = self.organization(at, owner, row[1])
        own = own_keys(organization[0], signer, key) if organization else []
        if not own:
            return UNCERTAIN
        time_ms = self.bundle["leaves"][at]["leaf"]["time_ms"]
        # First ms no longer valid, of the revocation, of the declared compromise.
        is_past = any(time is not None and time <= time_ms for time in own[0][5:8])
        return (CANNOT, "signer_bound_key_doubtful") if is_past else (NOT, "signer_key_bound")

    def organization(self, at, wanted, value):
        """The keys of an account whose organization is confirmed, and whether its name is verified; or None."""
        try:
            account, org_id, keys = whole(ACCOUNT_ROW, value)
        except Bad:
            return None
        name = org_id.encode()
        if account != wanted or not tables.is_org_id(name) or any(not 1 <= k[3] <= 4 for k in keys):
            return None
        row = self.row(at, b"\0\1\0\1" + len(name).to_bytes(4, "little") + name)
        if row is None or not row[0] or row[1] is None:
            return None
        found = begins(ORGANIZATION_ROW, row[1])
        if found is None or found[0] != org_id or not tables.is_credit_code(found[1]):
            return None
        _, _, _, _, kind, sort, region, status = found
        known = 1 <= kind <= 10 and (sort is None or 1 <= sort <= 3) and 1 <= status <= 9
        return (keys, status not in (1, 6, 9)) if known and (region is None or tables.is_region(region)) else None

    def given(self):
        """V1 of the files at hand."""
        entries = [item["entry"] for opening in self.bundle["openings"] for item in opening["items"]]
        listed = [(entry["path"], content(entry)) for entry in entries]
        judged = [names.judge(file["name"], content(file), listed) for file in self.files]
        self.named, self.taken = [named for named, *_ in judged], set().union(*(better for *_, better in judged))
        notarized = self.notarized()
        for place, (file, (named, places, _)) in enumerate(zip(self.files, judged)):
            found = FILES[named] if not places or places & notarized else (CANNOT, "file_listed")
            self.say("V1", {"kind": "file", "file": file.get("place", place), "name": file["name"]}, *found)

    def notarized(self):
        """Places of the entries that V3 and V4 show to be notarized."""
        found, first = set(), 0
        for opening in self.bundle["openings"]:
            commitment = self.commitment(opening)
            if commitment not in (None, "refused") and self.is_match("V4", opening["claim"]):
                found |= {first + at for at, item in enumerate(opening["items"]) if fits(item, commitment)}
            first += len(opening["items"])
        return found

    def distinct(self):
        """Places of the files that count: one file under two spellings is one."""
        seen = set()
        for place, file in enumerate(self.files):
            what = "/".join(names.parts(file["name"])), content(file)
            if file.get("same_as") is None and what not in seen:
                seen.add(what)
                yield place

    def missing(self, items):
        """How many entries have no file of their own."""
        left = [content(self.files[place]) for place in self.distinct()]
        count = 0
        for item in items:
            if content(item["entry"]) in left:
                left.remove(content(item["entry"]))
            else:
                count += 1
        return count

    def commitment(self, opening):
        """What the claim commits to: a commitment, None, or "refused"."""
        claim = self.bundle["claims"][opening["claim"]]
        if claim["kind"] == "transaction":
            call = claim["transaction"]["body"]["calls"][opening["call"]]
            if call["module"] != 10 or call["payload"][:1] != b"\0":
                return None
            found, refused = begins(COMMITMENT, call["payload"][1:]), claim["receipt"]["outcome"]["kind"] != "ok"
        else:
            if claim["key"][:4] != b"\0\x0a\0\1" or claim["value"] is None:
                return None
            found, refused = begins(COMMITMENT, claim["value"]), False
            if found is not None and found["root"] != claim["key"][4:]:
                return None
        if found is None or not 1 <= found["count"] <= 4096:
            return None
        return "refused" if refused else found

    def opening(self, opening):
        place, items = {"claim": opening["claim"], "call": opening["call"]}, opening["items"]
        scope, missing = {"kind": "batch", **place}, self.missing(items)
        if missing:
            self.say("V1", scope, NOT, "files_not_given")
        commitment = self.commitment(opening)
        if commitment is None:
            return self.say("V3", scope, MISMATCH, "commitment_absent")
        if commitment == "refused":
            self.say("V3", scope, CANNOT, "commitment_not_in_effect")
            return self.say("V2", scope, CANNOT, "manifest_uncertain")
        fitting = []
        for at, item in enumerate(items):
            own = {"kind": "item", **place, "index": item["path"]["index"], "path": item["entry"]["path"]}
            if item["salt"] is None:
                self.say("V3", own, CANNOT, "commitment_sealed")
            elif not fits(item, commitment):
                self.say("V3", own, MISMATCH, "commitment_mismatch")
            else:
                fitting.append(at)
        if fitting:
            self.say("V3", scope, MATCH, "commitment_match")
        confirmed = self.is_match("V4", opening["claim"])
        return self.say("V2", scope, *self.manifest(items, commitment, missing, fitting, confirmed))

    def manifest(self, items, commitment, missing, fitting, confirmed):
        paths, is_whole = [item["entry"]["path"] for item in items], len(items) == commitment["count"] == len(fitting)
        adds_up = sum(item["entry"]["size"] for item in items) == commitment["bytes"]
        if is_whole and (not adds_up or (commitment["complete"] and len(set(paths)) != len(paths))):
            return MISMATCH, "manifest_mismatch"
        if self.taken & {self.first + at for at in fitting}:
            return MISMATCH, "manifest_names_mismatch"
        if not confirmed:
            return CANNOT, "manifest_uncertain"
        if not commitment["complete"]:
            return NOT, "manifest_not_declared"
        if is_whole and not missing:
            listed = [(item["entry"]["path"], content(item["entry"])) for item in items]
            files = [(self.files[at]["name"], content(self.files[at])) for at in self.distinct() if self.named[at] == "listed"]
            return (MATCH, "manifest_match") if names.all_named(listed, files) else (NOT, "manifest_other_names")
        return NOT, "manifest_partial"


FILES = {
    "nothing": (CANNOT, "file_nothing_to_compare"),
    "listed": (MATCH, "file_match"),
    "elsewhere": (MATCH, "file_other_name"),
    "unlisted": (MISMATCH, "file_mismatch"),
}


def content(entry):
    def raw(value):
        return bytes.fromhex(value) if type(value) is str else value

    return entry["size"], raw(entry["sha256"]), raw(entry["sm3"])


def fits(item, commitment):
    """V3 of one item."""
    if item["salt"] is None:
        return False
    return item["path"]["size"] == commitment["count"] and opened(item) == commitment["root"]


def own_keys(keys, signer, key):
    """Those with the id and the key of a signer that sign."""
    return [row for row in keys if row[0] == signer["key_id"] and row[1] == key and row[3] == 1]


def opened(item):
    """The root to which an item leads."""
    commitment = domain("evidence", item["salt"] + ENTRY.write(item["entry"]))
    return path_root(item["path"], leaf(commitment))


UNCERTAIN = CANNOT, "signer_uncertain"
OTHER_CHAIN = CANNOT, "trust_path_other_chain"
