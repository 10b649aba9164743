"""Runs the independent verifier over all vectors: `python3 proof/independent/run.py`. Exit 0 when it answers every one as published."""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import registrations  # noqa: E402
from forms import Bad  # noqa: E402
from model import Version, bundle_of, checkpoint_of  # noqa: E402
from verify import exit_code, verify  # noqa: E402

VECTORS = Path(__file__).parent.parent / "vectors"


def load(group):
    return json.loads((VECTORS / f"{group}.json").read_text("utf-8"))


def shown(finding):
    return {"step": finding["step"], "scope": finding["scope"], "result": finding["result"], "code": finding["code"]}


def bundles(group):
    """Names of the cases whose exit code, and of those whose findings, differ; and how many there are."""
    data = load(group)
    checkpoints = [checkpoint_of(json.dumps(text).encode()) for text in data["checkpoints"]]
    exits, findings = [], []
    for case in data["cases"]:
        found, code = verify(bytes.fromhex(case["bundle"]), checkpoints[case["checkpoint"]], case["files"])
        own = [dict(zip(("step", "scope", "result", "code"), finding)) for finding in found]
        if code != case["exit_code"]:
            exits.append(f"{group}/{case['name']}: {code}, not {case['exit_code']}")
        wanted = [shown(finding) for finding in case["findings"]]
        if own != wanted:
            first = next((pair for pair in zip(own, wanted) if pair[0] != pair[1]), (len(own), len(wanted)))
            findings.append(f"{group}/{case['name']}: {first[0]}, not {first[1]}")
        told = statuses(case, found)
        if told != case.get("registrations", []):
            findings.append(f"{group}/{case['name']}: {told}, not {case.get('registrations')}")
        if exit_code(found + [("V10", None, status["result"], status["code"]) for status in told]) != code:
            exits.append(f"{group}/{case['name']}: another exit code with registrations")
    return exits, findings, len(data["cases"])


def statuses(case, found):
    """V10 as a verifier says it that reads registrations."""
    return [] if found[0][0] == "V0" else list(registrations.told(bundle_of(bytes.fromhex(case["bundle"])), found))


def checkpoints():
    """The same of the checkpoint files."""
    wrong, cases = [], load("checkpoints")["cases"]
    for case in cases:
        try:
            fingerprint = checkpoint_of(bytes.fromhex(case["file"]))[3].hex()
        except (Bad, Version):
            fingerprint = None
        if fingerprint != case["fingerprint"]:
            wrong.append(f"checkpoints/{case['name']}: {fingerprint}, not {case['fingerprint']}")
    return wrong, [], len(cases)


def main():
    results = [bundles(group) for group in ("valid", "undecided", "forged", "malformed")] + [checkpoints()]
    for exits, findings, _ in results:
        for line in exits + findings:
            print(line)
    total, exits = sum(count for _, _, count in results), sum(len(e) for e, _, _ in results)
    findings = sum(len(f) for _, f, _ in results)
    print(f"{total} vectors: {total - exits} exit codes and {total - findings} lists of findings agree")
    return 1 if exits or findings else 0


if __name__ == "__main__":
    sys.exit(main())
