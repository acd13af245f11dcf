#!/usr/bin/env bash
# Proves the README's commands where nothing is prepared: clones this repository as committed into an empty folder,
# puts the system's Node first on the PATH (20 is enough), and runs npm ci, npm test and npm run demo there.
#   test/fresh-clone.sh [NODE_DIR]     NODE_DIR: the folder of the node to use, /usr/bin by default
set -euo pipefail

node_dir=${1:-/usr/bin}
repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
folder=$(mktemp -d "${TMPDIR:-/tmp}/tallyswarm-clone-XXXXXX")
trap 'rm -rf "$folder"' EXIT

# Only system folders, so that no node_modules/.bin of the caller is found first.
export PATH="$node_dir:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
unset NODE_OPTIONS npm_config_prefix
echo "node $(node --version), npm $(npm --version), commit $(git -C "$repository" rev-parse --short HEAD)"

git clone --quiet --no-hardlinks "$repository" "$folder/tallyswarm"
cd "$folder/tallyswarm"
npm ci --no-audit --no-fund
npm test
npm run demo
[ -z "$(git status --porcelain)" ] || { echo 'the commands above left files in the clone:' && git status --short && exit 1; }
echo 'fresh clone: ok'
