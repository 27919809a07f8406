#!/usr/bin/env bash
# kill -9 at each file call of an authority while it issues: strace kills it at the n-th write, sync, rename, truncation or
# opening, for n = 1, 2, 3 ... After each death the next start finds everything that was revealed. (threats.md, The CA)
# Run: npx tsc -b && test/long/kill-at-each-call.sh [first n] [last n] [step]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v strace >/dev/null || { echo "strace is not installed" >&2; exit 1; }
exec node test/long/kill-at-each-call.mjs "$@"
