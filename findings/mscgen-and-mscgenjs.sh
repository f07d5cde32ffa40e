#!/usr/bin/env bash
# Packages: mscgen 0.20 (Debian 0.20-14), mscgenjs 8.0.0 (npm; the parser of mscgenjs-cli). Seen on 2026-11-28, Debian 12, Node.js 20.
#
# Behaviour: they read one language, and neither reads a subset of what the other does. mscgen refuses a chart without arcs, a
# number with a point that is not quoted, a keyword as a label, and MSC in capitals: mscgenjs takes them all. mscgenjs refuses a
# label that ends in two backslashes, which mscgen draws.
#
# Why one guesses wrong: mscgenjs says that it reads every mscgen program, and its own dialect goes by another name, Xu. So one
# takes one of the two for the checker of what is drawn with the other.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# mscgen and what it needs that this machine does not have, unpacked here and installed nowhere.
mkdir -p packages/partial root
apt-get install -y -qq --download-only --reinstall -o APT::Sandbox::User=root -o Dir::Cache::archives="$folder/packages" mscgen=0.20-14 >/dev/null
for package in packages/*.deb; do dpkg-deb -x "$package" root; done
libraries=$(find root -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
mscgen() { LD_LIBRARY_PATH=$libraries root/usr/bin/mscgen "$@"; }

npm init -y >/dev/null
npm install --silent --no-audit --no-fund mscgenjs@8.0.0
cat >parse.cjs <<'JS'
const { readFileSync } = require('node:fs')
const { parse } = require('./node_modules/mscgenjs/dist/cjs/parse/mscgenparser.js')
try { parse(readFileSync(process.argv[2], 'utf8')) } catch (error) { process.exitCode = 1 }
JS

# What both make of a chart.
tell() {
    printf '%s' "$2" >chart.msc
    local drawn=refused parsed=refused
    mscgen -T svg -i chart.msc -o chart.svg 2>/dev/null && drawn=taken
    node parse.cjs chart.msc && parsed=taken
    echo "$1: mscgen $drawn, mscgenjs $parsed"
}

{
    tell 'plain' 'msc { a, b; a -> b [label="x"]; }'
    tell 'no arc' 'msc { a, b; }'
    tell 'scale 1.5' 'msc { hscale=1.5; a, b; a -> b; }'
    tell 'scale "1.5"' 'msc { hscale="1.5"; a, b; a -> b; }'
    tell 'label box' 'msc { a, b; a -> b [label=box]; }'
    tell 'label cat' 'msc { a, b; a -> b [label=cat]; }'
    tell 'capitals' 'MSC { a, b; a -> b; }'
    tell 'backslash within' 'msc { a, b; a -> b [label="c\d"]; }'
    tell 'backslashes at the end' 'msc { a, b; a -> b [label="c\\"]; }'
    tell 'keyword as entity' 'msc { box, b; b -> b; }'
} | tee seen

cat >expected <<'TEXT'
plain: mscgen taken, mscgenjs taken
no arc: mscgen refused, mscgenjs taken
scale 1.5: mscgen refused, mscgenjs taken
scale "1.5": mscgen taken, mscgenjs taken
label box: mscgen refused, mscgenjs taken
label cat: mscgen taken, mscgenjs taken
capitals: mscgen refused, mscgenjs taken
backslash within: mscgen taken, mscgenjs taken
backslashes at the end: mscgen taken, mscgenjs refused
keyword as entity: mscgen refused, mscgenjs refused
TEXT
diff expected seen && echo "as described above"
