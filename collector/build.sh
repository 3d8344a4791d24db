#!/usr/bin/env bash
# Builds the collector of builder.yaml from Go modules, or takes it from the cache; the last line on standard output is the binary's path.
# Cache: $XDG_CACHE_HOME/rvbbit-otel, by default ~/.cache/rvbbit-otel. From nothing: 4 to 8 minutes on 2 cores.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
. "$here/go.sh"
BUILDER=go.opentelemetry.io/collector/cmd/builder@v0.157.0

need_go
binary="$CACHE/otelcol-$(hash_of "$here/builder.yaml" "$BUILDER")"
if [ ! -x "$binary" ]; then
    echo "building the collector, which takes minutes the first time ..." >&2
    work="$(mktemp -d)"
    trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
    # output_path is relative to the working folder. Strict versioning would refuse the older filestorage.
    (cd "$work" && GOFLAGS="${GOFLAGS:-} -trimpath" go run "$BUILDER" --skip-strict-versioning --config "$here/builder.yaml") >&2
    keep "$work/build/rvbbit-otelcol" "$binary"
fi
echo "$binary"
