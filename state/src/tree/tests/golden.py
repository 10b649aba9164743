"""Golden roots of small state trees, from docs/protocol.md section 8 alone: `python3 golden.py > golden.txt`."""

import hashlib


def sha(data):
    return hashlib.sha256(data).digest()


def domain(tag, content):
    name = f"quancheng/{tag}/1".encode()
    return sha(bytes([len(name)]) + name + content)


def option(data):
    return b"\0" if data is None else b"\1" + data


def number(value):
    return value.to_bytes(8, "little")


def leaf(place, value, since, version, until):
    held = option(None if value is None else domain("state-value", value))
    ended = option(None if until is None else number(until))
    return sha(b"\2" + place + held + number(since) + number(version) + ended)


def root(leaves, depth=0):
    if not leaves:
        return bytes(32)
    if len(leaves) == 1:
        return leaves[0][1]
    sides = [[], []]
    for place, found in leaves:
        sides[place[depth // 8] >> (7 - depth % 8) & 1].append((place, found))
    return sha(b"\3" + root(sides[0], depth + 1) + root(sides[1], depth + 1))


def roots(count):
    now, past = {}, []
    for height in range(3):
        for n in range(count):
            if n % (1, 3, 5)[height]:
                continue
            key = bytes([0, 9, 0x80 if n % 2 else 0, 1]) + n.to_bytes(2, "big")
            value = (b"\7", b"\10", None)[height]
            version = 0
            if n % 2 == 0 and key in now:
                held, since, version = now[key]
                past.append((domain("state-version", key + number(version)), held, since, version, height))
                version += 1
            if value is None and n % 2:
                now.pop(key, None)
            else:
                now[key] = value, height, version
        newest = [(domain("state-key", key), *held, None) for key, held in now.items()]
        yield root([(row[0], leaf(*row)) for row in newest + past]).hex()


for size in (0, 1, 2, 3, 16, 33, 1000):
    for at, found in enumerate(roots(size)):
        print(size, at, found)
