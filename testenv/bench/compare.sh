#!/usr/bin/env bash
# compare.sh BASE [ROUNDS] [-- FLAGS]: measures the programs of commit BASE and those of this folder in turn, and prints the
# ratios of the main figures with confidence intervals, as benchstat computes them. FLAGS are those of testenv/bench
# (default: -only 1,3,4 -hosts 100 -runs 10).
set -euo pipefail

base=${1:?"want a commit to compare with"}
rounds=${2:-6}
shift $(($# < 2 ? $# : 2))
[ "${1:-}" != -- ] || shift
[ $# -gt 0 ] || set -- -only 1,3,4 -hosts 100 -runs 10
go=${GO:-go}

work=$(mktemp -d)
trap 'git worktree remove --force "$work/source" 2>/dev/null; rm -rf "$work"' EXIT
git worktree add --quiet --detach "$work/source" "$base"

build() { # FOLDER OF THE SOURCES, OF THE PROGRAMS
	(cd "$1" && CGO_ENABLED=0 "$go" build -trimpath -o "$2/" ./controller/tapline ./plugin/tapline-mirror)
	chmod go-w "$2"/*
}
build "$work/source" "$work/base"
build . "$work/head"
"$go" build -o "$work/bench" ./testenv/bench

measure() { # base OR head, FLAGS
	local side=$1
	shift
	"$work/bench" -bin "$work/$side" -alone -figures "$work/$side.txt" "$@" >"$work/out" 2>&1 ||
		{ cat "$work/out" >&2; exit 1; }
}

for ((round = 1; round <= rounds; round++)); do
	echo "round $round of $rounds" >&2
	if ((round % 2)); then order="base head"; else order="head base"; fi
	for side in $order; do measure "$side" "$@"; done
done
"$go" tool benchstat "base=$work/base.txt" "head=$work/head.txt"
