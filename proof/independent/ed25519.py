"""Ed25519 by the rule of docs/protocol.md section 3, in whole numbers of Python alone."""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
IDENTITY = (0, 1, 1, 0)


def add(a, b):
    """Sum of two points in extended coordinates (RFC 8032, 5.1.4)."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    x, y, z, t = f - e, h - g, h + g, f + e
    return (x * y % P, z * t % P, y * z % P, x * t % P)


def times(factor, point):
    """A multiple of a point."""
    total = IDENTITY
    while factor:
        if factor & 1:
            total = add(total, point)
        point = add(point, point)
        factor >>= 1
    return total


def equal(a, b):
    """Whether two points are the same."""
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def decode(data):
    """A point from its canonical encoding, or None."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * ROOT % P
    if (x * x - square) % P != 0 or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def key(data):
    """The point of a public key, or None when no signature can be valid under it."""
    point = decode(data)
    return None if point is None or equal(times(8, point), IDENTITY) else point


BASE = decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
SEEN = {}


def verify(public, message, signature):
    """Whether the 64 bytes are a valid signature of the message under the 32 bytes of the key."""
    asked = (public, message, signature)
    if asked not in SEEN:
        SEEN[asked] = judge(public, message, signature)
    return SEEN[asked]


def judge(public, message, signature):
    a, r = key(public), decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or s >= L or r is None:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return equal(times(8 * s, BASE), times(8, add(r, times(k, a))))
