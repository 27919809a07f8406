#!/usr/bin/env bash
# What is too long for the suite, each in its long form: about twenty minutes on two cores. Ends at the first that fails.
# Run: npm run nightly
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
EVERY_BIT=1 npx vitest run test/identity/bad-certificates.test.ts
LIVES=100000 npx vitest run test/client/lives.test.ts
LYING_RELAYS=all npx vitest run test/client/lying-relay.test.ts
PACK=source npx vitest run test/package/pack.test.ts
KILLS=100 npx vitest run test/ca/kill.test.ts
UDX_MIB=256 npx vitest run test/net/udx.test.ts test/net/udx-moves.test.ts
GENERATION=16 npx vitest run test/sim/search/search.test.ts
FLEET=8 npx vitest run test/processes/operator-day.test.ts
test/long/kill-at-each-call.sh
test/long/ca-mutations.sh
test/long/replicas.sh
test/long/outages.sh
node bench/claims/rules.mjs
node test/long/clock.mjs -400 9000
node test/long/pods.mjs
node test/long/reach.mjs
test/long/nat-lab.sh
node test/long/nat-network.mjs --minutes 10
node test/long/rdv-lab.mjs
node test/long/rdv-lab.mjs --delay 25 --dialler once
node test/long/moving-file.mjs
node test/long/forwarded-page.mjs
node test/long/incident.mjs
node test/long/dashboard.mjs
node test/long/guide.mjs
npm ci --prefix site && npm run -s docs:site
WITHIN_MS=2000 npx vitest run test/cli/forward.test.ts test/services/forward.test.ts -t "in the middle of"
node test/long/api-elsewhere.mjs
SEEDS=80..1079 npx vitest run test/sim/seeds.test.ts
LONG=1 npx vitest run test/long/transports.test.ts
