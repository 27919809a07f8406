#!/usr/bin/env bash
# Who meets whom through NATs of every kind, in network namespaces: the tables of docs/reach.md. As root, on Linux, with nft.
# Without options every pair of kinds, and then pairs behind one router; with options what nat-lab.mjs makes of them.
# Run: test/long/nat-lab.sh [--short | --homes] [--delay 25] [--kinds "full cone,symmetric"] [--relays 4] [--json]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
npm run -s build
node test/long/nat-lab.mjs "$@"
if [ $# -eq 0 ]; then node test/long/nat-lab.mjs --homes; fi
