#!/usr/bin/env python3
"""Makes and checks the published Ed25519 vectors.

This is a second, slow implementation of the signature rule (types/src/keys/mod.rs) over Python integers. It shares no code
with the chain, so a vector on which both agree is a fact about the rule and not about a library.

    python3 types/tests/vectors/ed25519.py            checks ed25519.json and ed25519_speccheck.json
    python3 types/tests/vectors/ed25519.py --write    writes ed25519.json again (the result is always the same)
"""

import hashlib
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
IDENTITY = (0, 1)


# The curve, in affine coordinates.


def add(a, b):
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + t, P - 2, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - t, P - 2, P) % P
    return (x, y)


def negate(a):
    return (-a[0] % P, a[1])


def multiply(n, a):
    result = IDENTITY
    while n:
        if n & 1:
            result = add(result, a)
        a = add(a, a)
        n >>= 1
    return result


def x_of(y, sign):
    """The x of the given parity for a y below p, or None."""
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if x * x % P != xx:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != xx:
        return None
    return P - x if x and x & 1 != sign else x


BASE = (x_of(4 * pow(5, P - 2, P) % P, 0), 4 * pow(5, P - 2, P) % P)


def encode(a):
    return (a[1] | (a[0] & 1) << 255).to_bytes(32, "little")


def decode(data, non_canonical, not_on_curve):
    value = int.from_bytes(data, "little")
    y, sign = value & (2**255 - 1), value >> 255
    if y >= P or (sign and y in (1, P - 1)):
        raise Refused(non_canonical)
    x = x_of(y, sign)
    if x is None:
        raise Refused(not_on_curve)
    return (x, y)


# The rule.


class Refused(Exception):
    pass


def challenge(r, a, message):
    return int.from_bytes(hashlib.sha512(r + a + message).digest(), "little") % L


def verdict(key, message, signature):
    try:
        key_scheme, key_hex = key.split(":")
        if key_scheme != "ed25519":
            raise Refused("suite-not-supported")
        a_bytes = bytes.fromhex(key_hex)
        a = decode(a_bytes, "non-canonical-key", "key-not-on-curve")
        if multiply(8, a) == IDENTITY:
            raise Refused("small-order-key")
        scheme, hex_digits = signature.split(":")
        if scheme != "ed25519":
            raise Refused("suite-mismatch")
        data = bytes.fromhex(hex_digits)
        s = int.from_bytes(data[32:], "little")
        if s >= L:
            raise Refused("scalar-out-of-range")
        r = decode(data[:32], "non-canonical-point", "point-not-on-curve")
        k = challenge(data[:32], a_bytes, bytes.fromhex(message))
        if multiply(8, multiply(s, BASE)) != multiply(8, add(r, multiply(k, a))):
            raise Refused("equation-failed")
        return "valid"
    except Refused as refused:
        return str(refused)


# Crafting.


def torsion_generator():
    y = 2
    while True:
        x = x_of(y, 0)
        if x is not None:
            point = multiply(L, (x, y))
            if multiply(4, point) != IDENTITY:
                return point
        y += 1


TORSION = [multiply(i, torsion_generator()) for i in range(8)]
ORDER = [1, 8, 4, 8, 2, 8, 4, 8]
OFF_CURVE = (2).to_bytes(32, "little")


def hash_scalar(label):
    return int.from_bytes(hashlib.sha512(label.encode()).digest(), "little") % L


def seeded(seed):
    h = hashlib.sha512(seed).digest()
    a = int.from_bytes(h[:32], "little") & (2**254 - 8) | 2**254
    return a, h[32:]


SECRET = hash_scalar("quancheng vector key")
KEY_POINT = multiply(SECRET, BASE)
MESSAGE = "泉城链".encode()


def text(data, scheme="ed25519"):
    return f"{scheme}:{data.hex()}"


def sign_with(r_bytes, r_scalar, key_bytes, message, secret=SECRET):
    """A signature whose equation holds apart from small-order parts of R and A."""
    s = (r_scalar + challenge(r_bytes, key_bytes, message) * secret) % L
    return r_bytes + s.to_bytes(32, "little")


class Vectors:
    def __init__(self):
        self.rows = []

    def add(self, expected, description, key, message, signature):
        """Bytes stand for Ed25519; text is taken as it is."""
        key = key if isinstance(key, str) else text(key)
        signature = signature if isinstance(signature, str) else text(signature)
        row = {
            "description": description,
            "public_key": key,
            "message": message.hex(),
            "signature": signature,
            "expected": expected,
        }
        found = verdict(key, message.hex(), signature)
        if found != expected:
            sys.exit(f"{description}: meant to be {expected}, the rule says {found}")
        self.rows.append(row)


RFC8032 = [
    (
        "TEST 1",
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "TEST 2",
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "TEST 3",
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "TEST SHA(abc)",
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]


def rfc8032(v):
    for name, seed, key, message, signature in RFC8032:
        a, prefix = seeded(bytes.fromhex(seed))
        message = bytes.fromhex(message)
        key_bytes = encode(multiply(a, BASE))
        r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % L
        made = sign_with(encode(multiply(r, BASE)), r, key_bytes, message, a)
        if key_bytes.hex() != key or made.hex() != signature:
            sys.exit(f"RFC 8032 {name}: this implementation signs differently")
        v.add("valid", f"RFC 8032 section 7.1, {name}", key_bytes, message, made)


def torsion(v):
    key = encode(KEY_POINT)
    for i, point in enumerate(TORSION):
        kind = f"order {ORDER[i]}, {i} times the generator of the small group"
        signature = sign_with(encode(point), 0, key, MESSAGE)
        v.add("valid", f"R is a small point of {kind}", key, MESSAGE, signature)
        v.add("small-order-key", f"the key is a small point of {kind}; s = 0, R = identity",
              encode(point), MESSAGE, encode(IDENTITY) + bytes(32))
    for i in range(8):
        for j in range(8):
            if i == j == 0:
                continue
            mixed_key = encode(add(KEY_POINT, TORSION[i]))
            r = hash_scalar(f"torsion {i} {j}")
            r_bytes = encode(add(multiply(r, BASE), TORSION[j]))
            signature = sign_with(r_bytes, r, mixed_key, MESSAGE)
            k = challenge(r_bytes, mixed_key, MESSAGE)
            exact = (j + k * i) % 8 == 0
            v.add("valid", f"key with torsion {i}, R with torsion {j}; the cofactorless equation "
                  + ("holds too" if exact else "fails"), mixed_key, MESSAGE, signature)
    mixed_key = encode(add(KEY_POINT, TORSION[1]))
    r = hash_scalar("torsion, wrong s")
    r_bytes = encode(add(multiply(r, BASE), TORSION[3]))
    signature = sign_with(r_bytes, r + 1, mixed_key, MESSAGE)
    v.add("equation-failed", "key and R with torsion, s too large by one", mixed_key, MESSAGE, signature)


def non_canonical(v):
    key = encode(KEY_POINT)
    good = sign_with(encode(multiply(5, BASE)), 5, key, MESSAGE)
    encodings = [(y, sign) for y in range(P, 2**255) for sign in (0, 1)] + [(1, 1), (P - 1, 1)]
    for y, sign in encodings:
        data = (y | sign << 255).to_bytes(32, "little")
        x = x_of(y % P, 0)
        name = f"y = p + {y - P}" if y >= P else ("y = 1" if y == 1 else "y = p - 1")
        name += f", sign {sign}" + ("" if x is not None else ", off the curve when reduced")
        v.add("non-canonical-key", f"key with {name}", data, MESSAGE, good)
        if x is not None and multiply(8, (x, y % P)) == IDENTITY:
            name += "; the equation would hold"
        v.add("non-canonical-point", f"R with {name}", key, MESSAGE, sign_with(data, 0, key, MESSAGE))


def scalars(v):
    key = encode(KEY_POINT)
    r = hash_scalar("scalars")
    good = sign_with(encode(multiply(r, BASE)), r, key, MESSAGE)
    s = int.from_bytes(good[32:], "little")
    v.add("valid", "an ordinary signature", key, MESSAGE, good)
    for times in (1, 2, 8, 15):
        value = (s + times * L).to_bytes(32, "little")
        v.add("scalar-out-of-range", f"s + {times} L; the equation would hold", key, MESSAGE, good[:32] + value)
    for name, value in [("L", L), ("2^252 - 1 + L", 2**252 - 1 + L), ("2^253", 2**253), ("2^255", 2**255), ("2^256 - 1", 2**256 - 1)]:
        v.add("scalar-out-of-range", f"s = {name}", key, MESSAGE, good[:32] + value.to_bytes(32, "little"))
    for name, value in [("0", 0), ("1", 1), ("L - 1", L - 1), ("L - s", L - s)]:
        v.add("equation-failed", f"s replaced by {name}", key, MESSAGE, good[:32] + value.to_bytes(32, "little"))


def ordinary(v):
    key = encode(KEY_POINT)
    other = encode(multiply(SECRET + 1, BASE))
    r = hash_scalar("ordinary")
    r_bytes = encode(multiply(r, BASE))
    good = sign_with(r_bytes, r, key, MESSAGE)
    v.add("valid", "a message of 1000 zero bytes", key, bytes(1000), sign_with(r_bytes, r, key, bytes(1000)))
    v.add("equation-failed", "another message", key, MESSAGE + b"\0", good)
    v.add("equation-failed", "another key", other, MESSAGE, good)
    v.add("equation-failed", "the key negated", encode(negate(KEY_POINT)), MESSAGE, good)
    v.add("equation-failed", "R negated", key, MESSAGE, encode(multiply(L - r, BASE)) + good[32:])
    v.add("equation-failed", "R replaced by the identity", key, MESSAGE, encode(IDENTITY) + good[32:])
    v.add("equation-failed", "s made for a hash over A, R, M instead of R, A, M", key, MESSAGE,
          r_bytes + ((r + challenge(key, r_bytes, MESSAGE) * SECRET) % L).to_bytes(32, "little"))
    v.add("key-not-on-curve", "key with y = 2", OFF_CURVE, MESSAGE, good)
    v.add("point-not-on-curve", "R with y = 2", key, MESSAGE, OFF_CURVE + good[32:])
    # Which fault is named when there are several.
    v.add("non-canonical-key", "non-canonical small key and s out of range", (P + 1).to_bytes(32, "little"), MESSAGE,
          good[:32] + b"\xff" * 32)
    v.add("small-order-key", "small key and s out of range", encode(TORSION[4]), MESSAGE, good[:32] + b"\xff" * 32)
    v.add("key-not-on-curve", "key and R off the curve", OFF_CURVE, MESSAGE, OFF_CURVE + good[32:])
    v.add("scalar-out-of-range", "s out of range and R not canonical", key, MESSAGE, b"\xff" * 64)
    v.add("non-canonical-point", "R not canonical and off the curve when reduced", key, MESSAGE,
          (P + 2).to_bytes(32, "little") + good[32:])
    v.add("suite-not-supported", "an SM2 key with an SM2 signature", text(b"\x02" + bytes(32), "sm2"), MESSAGE,
          text(bytes(64), "sm2"))
    v.add("suite-not-supported", "an SM2 key with an Ed25519 signature", text(b"\x02" + bytes(32), "sm2"), MESSAGE, good)
    v.add("suite-mismatch", "an Ed25519 key with an SM2 signature", key, MESSAGE, text(good, "sm2"))
    v.add("small-order-key", "a small key with an SM2 signature", encode(IDENTITY), MESSAGE, text(good, "sm2"))


def render(rows):
    return "[\n" + ",\n".join(" " + json.dumps(row, ensure_ascii=False) for row in rows) + "\n]\n"


def main():
    vectors = Vectors()
    for section in (rfc8032, ordinary, scalars, torsion, non_canonical):
        section(vectors)
    path = HERE / "ed25519.json"
    if sys.argv[1:] == ["--write"]:
        path.write_text(render(vectors.rows), encoding="utf-8")
    if path.read_text(encoding="utf-8") != render(vectors.rows):
        sys.exit(f"{path.name} differs from what this program makes: look at the difference, then run it with --write")
    outside = json.loads((HERE / "ed25519_speccheck.json").read_text(encoding="utf-8"))
    for row in outside:
        found = verdict(row["public_key"], row["message"], row["signature"])
        if found != row["expected"]:
            sys.exit(f"{row['description']}: expected {row['expected']}, the rule says {found}")
    print(f"{len(vectors.rows)} vectors of our own and {len(outside)} from outside agree with the rule")


if __name__ == "__main__":
    main()
