#!/usr/bin/env bash
# Throws bytes at every parser of what others send us, so many seconds each: tests/fuzz.sh [SECONDS, default 300]
# A failing case is printed with its input, and kept by proptest for the next run.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-300}

# Engine frames, Dialogflow's answers, external systems' answers, configuration.
targets=(engine::convert nlp::dialogflow_v2 actions::external)
cargo test --locked --lib --no-run
for target in "${targets[@]}"; do
    echo "== $target"
    end=$((SECONDS + seconds)) rounds=0
    while [ "$SECONDS" -lt "$end" ]; do
        cargo test --locked --quiet --lib "$target" arbitrary >/dev/null || { cargo test --locked --lib "$target"; exit 1; }
        rounds=$((rounds + 1))
    done
    echo "$rounds rounds without a panic"
done
