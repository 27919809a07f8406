#!/usr/bin/env bash
# An authority on PostgreSQL: 250 enrolments over five restarts of the server and five cut connections.
# Run: test/long/outages.sh [enrolments] [restarts]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
ENROLMENTS="${1:-250}" RESTARTS="${2:-5}" npx vitest run test/ca/postgres-store.test.ts -t "restarts of its server"
