# shellcheck shell=bash
#
# What the scripts need from the system: looked for, and on Debian and Ubuntu installed if that is allowed.
#
# Promise: nothing is installed that is there already, everything goes to stderr, nothing asks a question, and where it cannot install it
# says exactly what to install and ends with 1. Sourced, never run.

say() {
  printf '%s\n' "$*" >&2
}

# The Debian package of a tool; brew and others use nearly the same names.
package_of() {
  case "$1" in
    cc | make) echo build-essential ;;
    ffprobe) echo ffmpeg ;;
    node) echo nodejs ;;
    venv) echo python3-venv ;;
    # Without a font its pages have no letters, and nothing has a width.
    chromium) echo chromium fonts-dejavu-core ;;
    *) echo "$1" ;;
  esac
}

has() {
  case "$1" in
    # Debian's python3 has the module venv but not ensurepip, without which a venv has no pip.
    venv) command -v python3 && python3 -c 'import venv, ensurepip' ;;
    *) command -v "$1" ;;
  esac >/dev/null 2>&1
}

# The packages of the tools that are not there, on one line.
missing_packages() {
  local tool
  for tool in "$@"; do
    has "$tool" || package_of "$tool"
  done | sort -u | paste -sd ' ' -
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
  command -v apt-get >/dev/null 2>&1 && as_root true >/dev/null 2>&1
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@" </dev/null >&2
}

# require_tools TOOL...: they are there afterwards, or the script has ended.
require_tools() {
  local packages still
  packages=$(missing_packages "$@")
  [ -n "$packages" ] || return 0
  if ! may_install; then
    say "Missing on this system: $packages"
    if command -v apt-get >/dev/null 2>&1; then
      say "Install them with: sudo apt-get update && sudo apt-get install -y $packages"
    else
      say "Install them with the package manager of your system (these are Debian's names), then run this again."
    fi
    exit 1
  fi
  say "Installing: $packages"
  apt update || say "apt-get update failed; trying with the lists that are there."
  # shellcheck disable=SC2086 # a list of names
  apt install -y --no-install-recommends $packages || {
    say "apt-get could not install: $packages. Install them by hand, then run this again."
    exit 1
  }
  still=$(missing_packages "$@")
  if [ -n "$still" ]; then
    say "Still missing after the installation: $still. Is another version first in PATH ($PATH)?"
    exit 1
  fi
}

# want_tools WHY TOOL...: installed where that is allowed; where it is not, says what is left out, and goes on.
want_tools() {
  local why=$1 packages
  shift
  packages=$(missing_packages "$@")
  [ -n "$packages" ] || return 0
  if may_install; then
    require_tools "$@"
  else
    say "NOT TESTED: $why, because this system lacks: $packages. Install them (these are Debian's names), and it is."
  fi
}

# Rust is the one thing that is not installed here: how it comes onto a machine is its owner's choice.
require_rust() {
  if ! has cargo && [ -x "${CARGO_HOME:-${HOME:-/root}/.cargo}/bin/cargo" ]; then
    PATH="${CARGO_HOME:-${HOME:-/root}/.cargo}/bin:$PATH"
    export PATH
  fi
  has cargo || {
    say "Rust is missing. Install it with rustup (https://rustup.rs); the version is in rust-toolchain.toml."
    exit 1
  }
}
