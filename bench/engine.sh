#!/usr/bin/env bash
# Our `get` and `share` against libtorrent (and whoever is named), both on this machine in one run: MB/s, CPU seconds
# per GiB, peak anonymous memory, each as a ratio to libtorrent. The harness compares every output byte for byte.
#
#   bench/engine.sh                                        leech and seed, 2 GiB file, 3 runs, against libtorrent
#   bench/engine.sh --side leech --data mid --runs 1       anything the harness takes; see its head
#   bench/engine.sh --engines lt,aria2
#
# Needs ../shared/bench/engine (BENCH_HARNESS names another place), python3-libtorrent, and about 4.5 GiB of tmpfs for
# the big data set (BENCH_DIR, /dev/shm/engbench by default; removed at the end unless KEEP_DATA=1).
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
harness=${BENCH_HARNESS:-$root/../shared/bench/engine/run.sh}
node=$(readlink -f "$root/node_modules/.bin/node")
[ -x "$harness" ] || { echo "there is no harness at $harness (set BENCH_HARNESS)" >&2; exit 2; }

export BENCH_DIR=${BENCH_DIR:-/dev/shm/engbench}
homes=$(mktemp -d)
cleanup() {
  rm -rf "$homes"
  [ "${KEEP_DATA:-0}" = 1 ] || rm -rf "$BENCH_DIR"
}
trap cleanup EXIT

ours="$node $root/src/cli/main.ts"
# The leecher's home lies beside its output, which the harness empties before each run: nothing is resumed.
leech="$ours get {torrent} --out {outdir} --peer {peers} --no-discovery --host 127.0.0.1 --port {port} --stay --home {outdir}.home"
# --trust-data: libtorrent and aria2 seed without a check here, too.
seed="$ours share --torrent {torrent} --data {datadir} --trust-data --protocols bt --no-discovery --host 127.0.0.1 --port {port} --home $homes/{port}"

engines=(--engines lt)
for argument in "$@"; do
  [ "$argument" = --engines ] && engines=()
done
echo "machine: $(nproc) cores, $(sed -n 's/^model name\s*: //p;T;q' /proc/cpuinfo), $("$node" --version), commit $(git -C "$root" rev-parse --short HEAD), $(date -u +%F)"
"$harness" --leecher "$leech" --seeder "$seed" --name tallyswarm "${engines[@]}" "$@"
