#!/usr/bin/env bash
# What .ci/run and .ci/nightly share: steps that are run one after another, and a count over all of them.

passed=0
failed=0
skipped=0
failures=()
logs=$(mktemp -d)
running=
stop() {
    if [ -n "$running" ]; then
        kill "$running" 2>/dev/null || true
        wait "$running" 2>/dev/null || true
    fi
    exit 143
}
trap 'rm -rf "$logs"' EXIT
trap stop INT TERM

# step name limit_s command...: runs the command, whose last line is a count, or else counts it as one case.
step() {
    local name=$1 limit_s=$2 log counts output tee status=0 started=$SECONDS
    shift 2
    log=$logs/${name//[^a-z0-9]/_}
    printf '\n===== %s\n' "$name"
    # In the background, so that a signal to this script can end the step, too.
    exec {output}> >(tee "$log")
    tee=$!
    timeout --kill-after=10 "$limit_s" "$@" >&"$output" 2>&1 </dev/null {output}>&- &
    running=$!
    exec {output}>&-
    wait "$running" || status=$?
    running=
    # What a step has left behind may hold the pipe open; its words do not matter any more.
    timeout 5 tail --pid="$tee" --follow /dev/null || kill "$tee" 2>/dev/null || true

    counts=$(tail --lines=1 "$log" | sed -n -E 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 \4/p')
    if [ -z "$counts" ]; then
        counts=$([ $status -eq 0 ] && echo "1 0 0" || echo "0 1 0")
    fi
    local step_passed step_failed step_skipped
    read -r step_passed step_failed step_skipped <<<"$counts"
    passed=$((passed + step_passed))
    failed=$((failed + step_failed))
    skipped=$((skipped + ${step_skipped:-0}))
    # A step that fails after its tests have passed, or is cut off by its limit, has failed all the same.
    if [ $status -ne 0 ] && [ "$step_failed" -eq 0 ]; then
        failed=$((failed + 1))
    fi
    if [ $status -ne 0 ] || [ "$step_failed" -ne 0 ]; then
        failures+=("$name")
    fi
    printf '===== %s: status %d after %d s\n' "$name" "$status" $((SECONDS - started))
}

# The last words: the counted line over all steps.
finish() {
    printf '\nafter %d s\n' "$SECONDS"
    for name in "${failures[@]}"; do
        printf 'FAIL step: %s\n' "$name"
    done
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    [ "$failed" -eq 0 ]
}
