#!/usr/bin/env bash
# Throws bytes at every parser of what others send us, so many seconds each: tests/fuzz.sh [SECONDS, default 300]
# Every round draws new cases; a failing one is printed with its input.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-300}

binary() { # binary ARGUMENTS…: the path of a test program
    cargo test --locked --no-run "$@" 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p'
}
lib=$(binary --lib) it=$(binary --test it)

fuzz() { # fuzz WHAT PROGRAM TESTS
    local end=$((SECONDS + seconds)) rounds=0 printed
    while [ "$SECONDS" -lt "$end" ]; do
        printed=$("$2" --quiet "$3" 2>&1) || { printf '%s\n' "$printed"; exit 1; }
        case $printed in *" 0 passed"*) echo "no test is named $3"; exit 1 ;; esac
        rounds=$((rounds + 1))
    done
    echo "$1: $rounds rounds in ${seconds}s, no panic"
}
fuzz "routing engines' frames" "$lib" engine::codec
fuzz "Dialogflow's answers" "$lib" nlp::dialogflow_v2::convert
fuzz "connectors' frames" "$lib" s11_no_frame_panics
fuzz "Dialogflow CX's answers" "$lib" nlp::dialogflow_cx::convert
fuzz "Google's delays" "$lib" nlp::google::retry
fuzz "customers' words" "$lib" b10_any_text_is_tokenised_once
fuzz "what is sealed" "$lib" seal::
fuzz "language models' answers" "$lib" nlp::llm
fuzz "Dialogflow V1's answers" "$lib" nlp::dialogflow_v1::convert
fuzz "Amazon Lex's answers" "$lib" nlp::lex_v2::convert
fuzz "external systems' answers" "$lib" s22_no_answer_panics
fuzz "configuration and profiles" "$it" config::arbitrary
fuzz "webhooks' responses and posts" "$lib" nlp::webhook::replies
fuzz "webhooks' answers" "$lib" nlp::webhook::usher
fuzz "Rasa's answers" "$lib" nlp::webhook::rasa
fuzz "Direct Line's activities" "$lib" nlp::webhook::direct_line
fuzz "directories of contact centres" "$lib" b3_no_directory_makes_it_panic
fuzz "exports of timelines" "$lib" app::replay::document::tests::b4_no_
