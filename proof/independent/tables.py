"""Which keys a table of the ledger can hold: docs/protocol.md section 8, with the list as data."""

import json
import re
from pathlib import Path

LIST = json.loads((Path(__file__).parent.parent / "vectors" / "tables.json").read_text("utf-8"))
LETTERS = ("PR", "PP", "OD", "DR", "DP", "DA", "IP")
ALPHABET = b"0123456789ABCDEFGHJKLMNPQRTUWXY"
WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
PROVINCES = {*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82}


def number(data):
    return int.from_bytes(data, "little")


def counted(data, most):
    """Length of a counted text at the front, its count included, and the text; or None."""
    size = number(data[:4])
    if len(data) < 4 or not 1 <= size <= most or len(data) < 4 + size:
        return None
    return data[4 : 4 + size]


def is_org_id(text):
    return re.fullmatch(rb"[A-Z0-9][A-Z0-9_.-]{0,63}", text) is not None and not text.endswith(b"\n")


def is_credit_code(code):
    values = [ALPHABET.find(byte) for byte in code]
    if len(code) != 18 or -1 in values or not code[2:8].isdigit():
        return False
    total = sum(value * weight for value, weight in zip(values, WEIGHTS))
    return values[17] == (31 - total % 31) % 31


def is_region(value):
    return value // 10_000 in PROVINCES


def is_ledger_number(data):
    return (
        is_region(number(data[:4]))
        and data[4:6].decode("latin-1") in LETTERS
        and 1970 <= number(data[6:8]) <= 9999
        and 1 <= number(data[8:12]) <= 99_999_999
    )


def length(field, data):
    """Bytes that a field takes at the front, or None when they are not of its form."""
    form = field["form"]
    if form == "integer":
        size, fits = field["bytes"], lambda part: field["min"] <= number(part) <= field["max"]
    elif form == "place":
        size, fits = 8, lambda part: True
    elif form in ("hash", "account"):
        size, fits = 32, lambda part: True
    elif form == "credit_code":
        size, fits = 18, is_credit_code
    elif form == "ledger_number":
        size, fits = 12, is_ledger_number
    elif form == "kind":
        size, fits = 1, lambda part: 1 <= part[0] <= 7
    elif form == "commitment":
        size, fits = 33, lambda part: part[0] in (1, 2)
    else:
        text = counted(data, 64 if form == "org_id" else field["max"])
        is_right = is_org_id if form == "org_id" else lambda text: all(0x21 <= byte <= 0x7E for byte in text)
        return 4 + len(text) if text is not None and is_right(text) else None
    return size if len(data) >= size and fits(data[:size]) else None


def can_hold(key):
    """Whether some table can hold the key."""
    for table in LIST:
        if key[:4] == table["module"].to_bytes(2, "big") + table["table"].to_bytes(2, "big"):
            rest = key[4:]
            for field in table["key"]:
                size = length(field, rest)
                if size is None:
                    return False
                rest = rest[size:]
            return not rest
    return False
