"""The two forms of a bundle and the checkpoint file, by docs/protocol.md section 1 and docs/bundle.md."""

import json
import re

import ed25519
from hashes import domain


class Bad(Exception):
    """Bytes or a text that are not of their form."""


class Int:
    """A little-endian integer; in JSON a plain number."""

    def __init__(self, size):
        self.size = size

    def read(self, reader):
        return int.from_bytes(reader.take(self.size), "little")

    def write(self, value):
        return value.to_bytes(self.size, "little")

    def parse(self, value):
        if type(value) is not int or not 0 <= value < 256**self.size:
            raise Bad(f"no u{8 * self.size}")
        return value


class Bool:
    """One byte, 0 or 1."""

    def read(self, reader):
        byte = reader.take(1)[0]
        if byte > 1:
            raise Bad("no bool")
        return byte == 1

    def write(self, value):
        return bytes([value])

    def parse(self, value):
        if type(value) is not bool:
            raise Bad("no bool")
        return value


def unhex(value):
    if type(value) is not str or not re.fullmatch(r"(?:[0-9a-f]{2})*", value) or value.endswith("\n"):
        raise Bad("no hex")
    return bytes.fromhex(value)


class Fixed:
    """So many bytes without a count."""

    def __init__(self, size):
        self.size = size

    def read(self, reader):
        return reader.take(self.size)

    def write(self, value):
        return value

    def parse(self, value):
        data = unhex(value)
        if len(data) != self.size:
            raise Bad("another length")
        return data


class Bytes:
    """Counted bytes."""

    def __init__(self, most):
        self.most = most

    def read(self, reader):
        return reader.take(reader.count(self.most))

    def write(self, value):
        return len(value).to_bytes(4, "little") + value

    def parse(self, value):
        data = unhex(value)
        if len(data) > self.most:
            raise Bad("too long")
        return data


class Text:
    """Counted UTF-8, with a rule of its own if there is one."""

    def __init__(self, most, rule=None):
        self.most, self.rule = most, rule

    def check(self, value):
        if self.rule and not self.rule(value):
            raise Bad("a text that breaks its rule")
        return value

    def read(self, reader):
        try:
            return self.check(reader.take(reader.count(self.most)).decode("utf-8"))
        except UnicodeDecodeError as error:
            raise Bad(str(error)) from error

    def write(self, value):
        data = value.encode("utf-8")
        return len(data).to_bytes(4, "little") + data

    def parse(self, value):
        if type(value) is not str:
            raise Bad("no text")
        try:
            long = len(value.encode("utf-8")) > self.most
        except UnicodeEncodeError as error:
            raise Bad("half a pair") from error
        if long:
            raise Bad("too long")
        return self.check(value)


class Option:
    """Nothing or a value."""

    def __init__(self, kind):
        self.kind = kind

    def read(self, reader):
        return self.kind.read(reader) if Bool().read(reader) else None

    def write(self, value):
        return b"\0" if value is None else b"\1" + self.kind.write(value)

    def parse(self, value):
        return None if value is None else self.kind.parse(value)


class List:
    """Counted values; `check` sees all of them."""

    def __init__(self, kind, most, check=None):
        self.kind, self.most, self.check = kind, most, check

    def done(self, values):
        if self.check:
            self.check(values)
        return values

    def read(self, reader):
        return self.done([self.kind.read(reader) for _ in range(reader.count(self.most))])

    def write(self, value):
        return len(value).to_bytes(4, "little") + b"".join(map(self.kind.write, value))

    def parse(self, value):
        if type(value) is not list or len(value) > self.most:
            raise Bad("no list of its length")
        return self.done([self.kind.parse(part) for part in value])


class Struct:
    """Named fields in order."""

    def __init__(self, **fields):
        self.fields = fields

    def read(self, reader):
        return {name: kind.read(reader) for name, kind in self.fields.items()}

    def write(self, value):
        return b"".join(kind.write(value[name]) for name, kind in self.fields.items())

    def parse(self, value):
        if type(value) is not dict or value.keys() != self.fields.keys():
            raise Bad("other members")
        return {name: kind.parse(value[name]) for name, kind in self.fields.items()}


class Tuple:
    """Fields without names: of rows, which have no JSON here."""

    def __init__(self, *kinds):
        self.kinds = kinds

    def read(self, reader):
        return tuple(kind.read(reader) for kind in self.kinds)


class Tagged:
    """One tag byte, then the fields. In JSON an object whose member `kind` names the case, or whose only member does."""

    def __init__(self, inside, cases):
        self.inside, self.cases = inside, cases

    def read(self, reader):
        tag = reader.take(1)[0]
        for name, (number, kind) in self.cases.items():
            if number == tag:
                return {"kind": name, **kind.read(reader)}
        raise Bad("unknown tag")

    def write(self, value):
        number, kind = self.cases[value["kind"]]
        return bytes([number]) + kind.write(value)

    def parse(self, value):
        if type(value) is not dict:
            raise Bad("no object")
        value = dict(value)
        if self.inside:
            name, content = value.pop("kind", None), value
        elif len(value) == 1:
            ((name, content),) = value.items()
        else:
            raise Bad("not one case")
        if type(name) is not str or name not in self.cases:
            raise Bad("unknown case")
        return {"kind": name, **self.cases[name][1].parse(content)}


class Keyed:
    """A key or signature: a tag for the suite and so many bytes; in JSON its name, a colon and hex."""

    def __init__(self, sizes):
        self.sizes = sizes

    def read(self, reader):
        tag = reader.take(1)[0]
        if tag not in self.sizes:
            raise Bad("unknown suite")
        return (tag, reader.take(self.sizes[tag]))

    def write(self, value):
        return bytes([value[0]]) + value[1]

    def parse(self, value):
        name, colon, digits = value.partition(":") if type(value) is str else ("", "", "")
        tag = {"ed25519": 1, "sm2": 2}.get(name)
        if tag is None or not colon:
            raise Bad("unknown suite")
        data = unhex(digits)
        if len(data) != self.sizes[tag]:
            raise Bad("another length")
        return (tag, data)


class Suite:
    """One byte; in JSON its name."""

    NAMES = {"sha256-ed25519": 1, "sm3-sm2": 2}

    def read(self, reader):
        tag = reader.take(1)[0]
        if tag not in self.NAMES.values():
            raise Bad("unknown suite")
        return tag

    def write(self, value):
        return bytes([value])

    def parse(self, value):
        if type(value) is not str or value not in self.NAMES:
            raise Bad("unknown suite")
        return self.NAMES[value]


class Writers(Suite):
    """Who may write: one byte; in JSON its name."""

    NAMES = {"members": 0, "anyone": 1}


class Reader:
    """Bytes that are taken from the front."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if size > len(self.data) - self.at:
            raise Bad("cut short")
        self.at += size
        return self.data[self.at - size : self.at]

    def count(self, most):
        count = int.from_bytes(self.take(4), "little")
        if count > most:
            raise Bad("too many")
        return count


def whole(kind, data):
    """Decodes all of the bytes."""
    reader = Reader(data)
    value = kind.read(reader)
    if reader.at != len(data):
        raise Bad("trailing bytes")
    return value


def direction(c):
    return c in "\u061c\u200e\u200f" or "\u202a" <= c <= "\u202e" or "\u2066" <= c <= "\u2069"


def is_path(text):
    if re.match(r"[A-Za-z]:", text) or "\\" in text:
        return False
    if any(c < " " or "\x7f" <= c <= "\x9f" or direction(c) for c in text):
        return False
    return all(name not in ("", ".", "..") for name in text.split("/"))


def is_media_type(text):
    name = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*"
    return re.fullmatch(f"{name}/{name}", text) is not None and not text.endswith("\n")


def is_set(validators):
    ids = [validator_id(v) for v in validators]
    nodes = {v["node_id"] for v in validators}
    keys = [v["public_key"] for v in validators]
    if not validators or len(nodes) != len(ids) or any(a >= b for a, b in zip(ids, ids[1:])):
        raise Bad("no set")
    if any(v["power"] == 0 for v in validators) or sum(v["power"] for v in validators) > 2**62:
        raise Bad("no power, or too much")
    if any(tag != 1 or ed25519.key(data) is None for tag, data in keys):
        raise Bad("a key that verifies nothing")


def ascending(modules):
    numbers = [m["module"] for m in modules]
    if any(a >= b for a, b in zip(numbers, numbers[1:])):
        raise Bad("modules out of order")


U8, U16, U32, U64, HASH = Int(1), Int(2), Int(4), Int(8), Fixed(32)
KEY, SIGNATURE = Keyed({1: 32, 2: 33}), Keyed({1: 64, 2: 64})
PATH = Struct(index=U64, size=U64, siblings=List(HASH, 64))


def validator_id(validator):
    return domain("validator", KEY.write(validator["public_key"]))


def loads(data, most, separators):
    """JSON with each member once, numbers that are integers, and nothing else in it."""
    if len(data) > most:
        raise Bad("too large")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Bad("not UTF-8") from error
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.S)
    if sum(map(outside.count, ",[{")) > separators:
        raise Bad("too many values")
    depth = 0
    for bracket in re.findall(r"[\[{\]}]", outside):
        depth = depth + 1 if bracket in "[{" else max(depth - 1, 0)
        if depth > 64:
            raise Bad("too deep")

    def once(pairs):
        members, repeated = {}, set()
        for name, value in pairs:
            if name in members:
                repeated.add(name)
            members[name] = value
        # No struct has a member without a name, so an object that repeats one is none of them.
        return {**members, None: repeated} if repeated else members

    def integer(digits):
        # No number of a bundle has more than 20 digits; of another version none is looked at.
        return int(digits) if re.fullmatch(r"0|[1-9][0-9]{0,19}", digits) else float("nan")

    def refuse(word):
        raise Bad(f"{word} is no number")

    try:
        return json.loads(text, object_pairs_hook=once, parse_int=integer, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Bad(str(error)) from error
