"""Whether what a bundle carries is one history with the checkpoint: docs/bundle.md, V6, points 6 and 7."""

from hashes import domain, leaf, path_root
from model import HEADER, LEAF


def block_id(header):
    return domain("header", HEADER.write(header))


def is_one_history(bundle, pin, leaves):
    """Whether pinned header, followed headers, own header and sound leaves are of one chain."""
    headers = {} if pin is None else {pin["height"]: pin}
    for step in bundle["trust_path"]:
        if pin is None or step["header"]["height"] >= pin["height"]:
            headers[step["header"]["height"]] = step["header"]
    headers[bundle["header"]["height"]] = bundle["header"]
    headers = [headers[height] for height in sorted(headers)]
    return all(follows(lower, upper) for lower, upper in zip(headers, headers[1:])) and all(
        is_beside(proof, header) for proof in leaves for header in headers
    )


def is_descent_shown(header, pin, leaves):
    """Whether the header, or the history it certifies, names the pinned block."""
    if pin is None or header["height"] - pin["height"] in (0, 1):
        return True
    return any(proof["leaf"]["height"] == pin["height"] for proof in leaves)


def follows(lower, upper):
    """Whether a header may stand above another, with no change of validators left out between them."""
    if upper["height"] == lower["height"] + 1 and upper["parent"] != block_id(lower):
        return False
    if upper["validators_hash"] != lower["next_validators_hash"] or upper["time_ms"] <= lower["time_ms"]:
        return False
    if upper["executed_height"] < lower["executed_height"]:
        return False
    return upper["history_size"] != lower["history_size"] or upper["history_root"] == lower["history_root"]


def is_beside(proof, header):
    """Whether a sound leaf and a header can be of one chain."""
    own, height = proof["leaf"], proof["leaf"]["height"]
    if height == header["height"]:
        if own["block_id"] != block_id(header) or own["time_ms"] != header["time_ms"]:
            return False
    elif (height < header["height"]) != (own["time_ms"] < header["time_ms"]) or own["time_ms"] == header["time_ms"]:
        return False
    if height == header["height"] - 1 and own["block_id"] != header["parent"]:
        return False
    size = header["history_size"]
    if size & (size - 1) or not height < size <= proof["path"]["size"]:
        return True
    inner = {"index": height, "size": size, "siblings": proof["path"]["siblings"][: size.bit_length() - 1]}
    return path_root(inner, leaf(LEAF.write(own))) == header["history_root"]
