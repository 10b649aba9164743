#!/bin/bash
# Makes the bundles of this folder anew, on a local network: needed when bytes under a signature change. Run it from the root of the
# repository with `quancheng`, `quanchengd` and `jq` on PATH; then run the tests of cli/tests/verify.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
net=$work/net
trap 'quancheng -q testnet stop --dir "$net" >/dev/null || true; rm -rf "$work"' EXIT
umask 077
printf 'a password\n' >"$work/pw"

quancheng -q testnet start --dir "$net" --validators 4 --candidates 0 --output json >"$work/net.json"
QUANCHENG_API=$(jq -r '.data.nodes[0].api' "$work/net.json")
export QUANCHENG_API
authority() { quancheng -q "$@" --password-file "$net/password" >/dev/null; }
merchant() { quancheng -q "$@" --password-file "$work/pw"; }
bureau=$net/keys/ORG-GOV-DATA.key registrar=$net/keys/ORG-REG.key
rm -f "$here"/*.bundle
cp "$net/checkpoint.json" "$here/checkpoint.json"

for org in ORG-M2 ORG-M4; do
    merchant key new --out "$work/$org.key" >/dev/null
    merchant org register --file samples/organizations/$org.json --key "$work/$org.key" >/dev/null
    authority org verify $org --key "$bureau"
    authority org activate $org --key "$bureau"
done
cp "$here/contract.txt" "$work/contract.txt"
(cd "$work" && merchant evidence notarize contract.txt --key ORG-M2.key --bundle "$here/notarized.bundle" >/dev/null)

apply() { merchant registration submit --file "samples/registrations/$1.json" --rule-set RS-DEMO --key "$work/$2.key" >/dev/null; }
apply S-REG-06 ORG-M2
apply S-REG-11 ORG-M4
authority registration accept 1 --key "$registrar"
authority registration accept 2 --key "$registrar"
printf 'opinion\n' >"$work/opinion.txt"
authority registration review 1 --document "$work/opinion.txt" --key "$registrar"
authority registration notice 1 --key "$registrar"
authority registration issue 1 --key "$registrar"
number=$(quancheng registration show 1 --output json | jq -r '.data.data.ledger_no')
fetch() { quancheng -q bundle fetch "$1" --out "$here/$2.bundle" "${@:3}" >/dev/null; }
fetch "$number" certificate
fetch 2 application
fetch "$number" absent --as-of 5
# A second issue is refused, and the refusal is on the chain.
refused=$(quancheng -q registration issue 1 --key "$registrar" --password-file "$net/password" --output json | jq -r '.data.id' || true)
fetch "$refused" refused
printf 'ruling\n' >"$work/ruling.txt"
authority registration hold 1 --case '（2026）样0101执保1号' --document "$work/ruling.txt" --reason PRESERVATION --key "$net/keys/ORG-CRT.key"
fetch 1 held
chmod 644 "$here"/*.bundle "$here/checkpoint.json"
echo "made for certificate $number"
