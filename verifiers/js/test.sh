#!/usr/bin/env bash
# Checks the golden vectors in node, and the page in real headless Chromium. Takes a folder for screenshots, or makes one. VECTORS
# names other vectors.
set -euo pipefail
cd "$(dirname "$0")"
vectors=${VECTORS:-../../tests/golden/proofs/vectors.jsonl}
pictures=${1:-$(mktemp -d)}
mkdir -p "$pictures"

npm ci --silent
if ! command -v chromium >/dev/null; then
    root=$([ "$(id -u)" = 0 ] || echo sudo)
    $root apt-get update
    $root apt-get install -y chromium
fi

node cli.js --vectors "$vectors"

# A site of its own, so that nothing but this folder and the files to look at is served.
site=$(mktemp -d)
ln -s "$PWD" "$site/js"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
python3 -m http.server "$port" --bind 127.0.0.1 --directory "$site" >/dev/null 2>&1 &
server=$!
trap 'kill "$server"; rm -rf "$site"' EXIT
for _ in $(seq 100); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    sleep 0.1
done

# A file whose exit code a script would look at.
node tests/receipts.js "$site/made" >"$site/trusted"
node cli.js "$site/made/0.bin" --trusted "$(cat "$site/trusted")" | grep -q '^signed: '
code=0
node cli.js "$site/made/0.bin" --network "$(printf '0%.0s' $(seq 64))" >/dev/null || code=$?
[ "$code" = 5 ]

ADDRESS="http://127.0.0.1:$port" node tests/page.js "$site" "$vectors" "$pictures"
echo "screenshots are in $pictures"
