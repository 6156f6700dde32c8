# What the scripts of this folder share; to be sourced.

# Prints a heading, with the time that has passed.
say() {
    printf '\n=== %s (after %d:%02d min)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60))
}

# Ends with a message when this machine cannot do what is asked for.
missing() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 2
}

# Installs Debian packages if that may be done, else says which are missing.
install_packages() {
    if ((EUID != 0)) || ! command -v apt-get > /dev/null; then
        missing "please install $* (on Debian: apt-get install $*)"
    fi
    echo "Installing $*"
    if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } > /dev/null; then
        missing "apt-get could not install $*"
    fi
}

# Makes sure that a command is there, if need be by installing its Debian packages.
need() { # command, package...
    local command=$1
    shift
    command -v "$command" > /dev/null || install_packages "$@"
}

# Makes sure that Rust and a C compiler (for SQLite) are there.
need_rust() {
    local home=${CARGO_HOME:-${HOME:-}/.cargo}
    if ! command -v cargo > /dev/null && [[ -x $home/bin/cargo ]]; then
        PATH=$home/bin:$PATH
    fi
    command -v cargo > /dev/null || missing "please install Rust (cargo is not in the PATH)"
    need cc build-essential
}
