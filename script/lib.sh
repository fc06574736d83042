# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# What the scripts share. Sourced, never run: sets `root` and `jobs`, reads nothing.
#
# A check tells its counts with `tally NAME PASSED FAILED [FAILED_CASE]...`; `tally_end` names what
# failed, prints the sum as the script's last line, writes it to the file that --result named, and
# returns 1 when something failed.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
script=$(basename "$0")
jobs=${TRIAGED_JOBS:-$(nproc)}
passed=0
failed=0
failures=()
result_file=

say() {
        echo "==> $*"
}

fail() {
        echo "$script: $*" >&2
        exit 1
}

# The comment at the top of a script is its help.
print_help() {
        awk 'NR <= 2 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$0"
}

has_program() {
        command -v "$1" >/dev/null
}

is_unsigned() {
        [[ $1 =~ ^[0-9]+$ ]]
}

tally() {
        local name=$1 ok=$2 bad=$3
        if ! is_unsigned "$ok" || ! is_unsigned "$bad"; then
                fail "$name reported '$ok' and '$bad' instead of counts"
        fi
        passed=$((passed + ok))
        failed=$((failed + bad))
        echo "$name: $ok passed, $bad failed"
        if [ "$bad" -gt 0 ]; then
                failures+=("$name: $bad failed" "${@:4}")
        fi
}

tally_end() {
        echo
        if [ "$failed" -gt 0 ]; then
                printf 'FAILED %s\n' "${failures[@]}"
        fi
        echo "$passed passed, $failed failed"
        if [ -n "$result_file" ]; then
                echo "$passed $failed" >"$result_file"
        fi
        [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
