#!/usr/bin/env bash
# Two replicas of the authority on one PostgreSQL, 1,000 enrolments at once, one replica killed in the middle.
# Run: npx tsc -b && test/long/replicas.sh [enrolments]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
ENROLMENTS="${1:-1000}" npx vitest run test/ca/postgres-store.test.ts -t "replicas is killed"
