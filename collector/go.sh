# What both build scripts share: the Go toolchain, the cache. Sourced, not run.
CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/rvbbit-otel"
GO_MAJOR=1
GO_MINOR=25

# Ends with status 2 and says what to do unless a Go toolchain that is new enough is on the PATH.
need_go() {
    if ! command -v go >/dev/null 2>&1; then
        echo "Go is not on the PATH: install Go $GO_MAJOR.$GO_MINOR or newer (https://go.dev/dl, or the package golang of Debian) and run this again" >&2
        exit 2
    fi
    local version major minor
    version="$(go env GOVERSION)"
    IFS=. read -r major minor _ <<<"${version#go}"
    minor="${minor%%[!0-9]*}"
    if [ "$major" -lt "$GO_MAJOR" ] || { [ "$major" -eq "$GO_MAJOR" ] && [ "${minor:-0}" -lt "$GO_MINOR" ]; }; then
        echo "Go is $version here: install Go $GO_MAJOR.$GO_MINOR or newer, or put a newer one first on the PATH, and run this again" >&2
        exit 2
    fi
}

# hash_of FILE TEXT: names what a binary was made from: the file, the tool's version, Go's version and the platform.
hash_of() {
    { cat "$1"; echo "$2"; go env GOVERSION GOOS GOARCH; } | { sha256sum 2>/dev/null || shasum -a 256; } | cut -c1-16
}

# keep FROM TO: by a rename, so that whoever looks meanwhile sees no half of a binary.
keep() {
    mkdir -p "$CACHE"
    cp "$1" "$2.$$"
    mv -f "$2.$$" "$2"
}
