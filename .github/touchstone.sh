#!/usr/bin/env bash
# The steps of action.yml that run something; inputs come as environment variables, one item a line.
set -euo pipefail

# The lines of a text that are not blank.
lines() {
    sed -e 's/^[[:space:]]*//' -e 's/[[:space:]]*$//' -e '/^$/d' <<< "$1"
}

install() {
    local wanted
    mapfile -t wanted < <(lines "$INSTALL")
    python -m pip install --quiet ${wanted[@]+"${wanted[@]}"} "$ACTION_PATH"
}

run() {
    local arguments=() each ended=0
    while IFS= read -r each; do arguments+=("--implementation=$each"); done < <(lines "$IMPLEMENTATION")
    while IFS= read -r each; do arguments+=("--known=$each"); done < <(lines "$KNOWN")
    if [ "$STRICT" = true ]; then arguments+=(--strict); fi
    arguments+=("--output=$REPORT")
    while IFS= read -r each; do arguments+=("$each"); done < <(lines "$PATTERNS")
    # What an implementation prints is no command to the runner: none is heard until this word, which it cannot know.
    local word
    word=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
    echo "::stop-commands::$word"
    touchstone run "${arguments[@]}" || ended=$?
    printf '\n::%s::\n' "$word"
    printf 'status=%s\nrecord=%s\n' "$ended" "$REPORT/record.jsonl" >> "$GITHUB_OUTPUT"
}

# What stands on the page of the job; a run that could not begin has no record, and its log says why.
summarise() {
    if [ ! -f "$RECORD" ]; then
        printf '## Touchstone: no record\n\nThe run ended with %s; its log says why.\n' "$STATUS"
    else
        touchstone summary "$RECORD" --format=markdown --source="$SOURCE"
        if [ -n "$BASELINE" ]; then
            echo
            touchstone diff "$BASELINE" "$RECORD" --format=markdown || [ $? = 1 ]
        fi
        if [ -n "$ARTIFACT" ]; then printf '\n[The report with all evidence](<%s>)\n' "$ARTIFACT"; fi
    fi >> "$GITHUB_STEP_SUMMARY"
}

"$1"
