"""Hashes and trees of docs/protocol.md sections 2, 7 and 8."""

import hashlib

EMPTY = bytes(32)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def domain(tag, content):
    """The hash of a domain, by the middle part of its tag."""
    name = f"quancheng/{tag}/1".encode()
    return sha(bytes([len(name)]), name, content)


def leaf(data):
    return sha(b"\0", data)


def node(left, right):
    return sha(b"\1", left, right)


def path_root(path, start):
    """The root to which an RFC 9162 path leads from a leaf hash, or None."""
    at, last, found = path["index"], path["size"] - 1, start
    if at > last:
        return None
    for sibling in path["siblings"]:
        if last == 0:
            return None
        if at & 1 or at == last:
            found = node(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node(found, sibling)
        at, last = at >> 1, last >> 1
    return found if last == 0 else None


def receipt_root(path, position, start):
    """The root to which a ReceiptPath leads, or None."""
    inner, siblings, found = path["inner"], path["siblings"], start
    if inner > 32 or (inner and position >> (inner - 1) & 1):
        return None
    if len(siblings) != inner + bin(position >> inner).count("1"):
        return None
    for level, sibling in enumerate(siblings):
        left = level >= inner or position >> level & 1
        found = node(sibling, found) if left else node(found, sibling)
    return found


def bit(path, depth):
    return path[depth // 8] >> (7 - depth % 8) & 1


def is_kept(key):
    """Whether a key is of a kept table."""
    return len(key) > 2 and not key[2] & 0x80


def holding_of(proof):
    """What the proof says that its place holds, or None."""
    end = proof["terminal"]
    return end["holding"] if end["kind"] == "leaf" and end["key_hash"] == proof["key_hash"] else None


def holds_at(holding, height):
    return holding["since"] <= height and (holding["until"] is None or height < holding["until"])


def is_possible(holding, key, root_height):
    """Whether a state of that height can hold a leaf."""
    since, version, until = holding["since"], holding["version"], holding["until"]
    if since > root_height or version > since or (version == 0 and holding["value_hash"] is None):
        return False
    if until is not None and not since < until <= root_height:
        return False
    return is_kept(key) or (version == 0 and until is None)


def state_fits(proof, root, root_height, key, value, at):
    """Whether a StateProof shows that after height `at` a key held the value, or with None nothing."""
    path, siblings, end = proof["key_hash"], proof["siblings"], proof["terminal"]
    if at > root_height:
        return False
    holding = holding_of(proof)
    place = domain("state-key", key)
    if holding is not None:
        if holding["until"] is not None:
            place = domain("state-version", key + holding["version"].to_bytes(8, "little"))
        if path != place or not is_possible(holding, key, root_height):
            return False
        if holds_at(holding, at):
            if holding["value_hash"] != (None if value is None else domain("state-value", value)):
                return False
        elif value is not None or not is_kept(key) or holding["version"] != 0 or at >= holding["since"]:
            return False
    else:
        if path != place or value is not None:
            return False
        if end["kind"] == "leaf" and any(bit(end["key_hash"], d) != bit(path, d) for d in range(len(siblings))):
            return False
        if not is_kept(key) and at != root_height:
            return False
    if siblings and siblings[-1] == EMPTY:
        return False
    found = EMPTY
    if end["kind"] == "leaf":
        found = sha(b"\2", end["key_hash"], encoded(end["holding"]))
    for depth in reversed(range(len(siblings))):
        pair = (siblings[depth], found) if bit(path, depth) else (found, siblings[depth])
        found = sha(b"\3", *pair)
    return found == root


def encoded(holding):
    value, until = holding["value_hash"], holding["until"]
    numbers = [holding[name].to_bytes(8, "little") for name in ("since", "version")]
    return b"".join((
        b"\0" if value is None else b"\1" + value, *numbers, b"\0" if until is None else b"\1" + until.to_bytes(8, "little")
    ))


def agree(one, other):
    """Whether two holdings of one kept key can both be true."""
    first, second = sorted((one, other), key=lambda holding: holding["version"])
    between = second["version"] - first["version"] - 1
    if between < 0:
        ends = {first["until"], second["until"]} - {None}
        return len(ends) < 2 and (first["value_hash"], first["since"]) == (second["value_hash"], second["since"])
    if between == 0 and first["until"] is not None:
        return first["until"] == second["since"]
    end = first["since"] + 1 if first["until"] is None else first["until"]
    return end + between <= second["since"]
