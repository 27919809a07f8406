#!/usr/bin/env bash
# A million mutated certificate requests and ten thousand mutated bodies: every one refused, with its time.
# Run: test/long/ca-mutations.sh [mutations] ; SEED=n repeats a run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
MUTATIONS="${1:-1000000}" npx vitest run test/ca/mutations.test.ts -t mutations
