#!/usr/bin/env bash
# Builds Jaeger v2 from its Go module, or takes it from the cache; the last line on standard output is the binary's path.
# The pages of its user interface are not in the module: this one has the query API. From nothing: 5 to 10 minutes on 2 cores.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
. "$here/go.sh"
# Jaeger v2.13.
MODULE=github.com/jaegertracing/jaeger@v1.76.0

need_go
binary="$CACHE/jaeger-$(hash_of /dev/null "$MODULE")"
if [ ! -x "$binary" ]; then
    echo "building Jaeger, which takes minutes the first time ..." >&2
    work="$(mktemp -d)"
    trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
    source_dir="$(cd "$work" && go mod download -json "$MODULE" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p')"
    # `go install` refuses a module with replacements, and the module cache is read-only: so a copy.
    cp -R "$source_dir" "$work/jaeger"
    chmod -R u+w "$work/jaeger"
    (cd "$work/jaeger" && CGO_ENABLED=0 go build -trimpath -o "$work/jaeger-binary" ./cmd/jaeger) >&2
    keep "$work/jaeger-binary" "$binary"
fi
echo "$binary"
