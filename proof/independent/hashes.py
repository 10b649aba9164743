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


def state_fits(proof, root, key, value):
    """Whether a StateProof shows the value, or with None the absence, of a key under a root."""
    path, siblings, end = proof["key_hash"], proof["siblings"], proof["terminal"]
    if path != domain("state-key", key):
        return False
    is_leaf = end["kind"] == "leaf"
    if value is not None:
        if not is_leaf or end["key_hash"] != path or end["value_hash"] != domain("state-value", value):
            return False
    elif is_leaf:
        other = end["key_hash"]
        if other == path or any(bit(other, d) != bit(path, d) for d in range(len(siblings))):
            return False
    if siblings and siblings[-1] == EMPTY:
        return False
    found = sha(b"\2", end["key_hash"], end["value_hash"]) if is_leaf else EMPTY
    for depth in reversed(range(len(siblings))):
        pair = (siblings[depth], found) if bit(path, depth) else (found, siblings[depth])
        found = sha(b"\3", *pair)
    return found == root
