#!/bin/bash
# Prints the path of a GNU make that knows jobservers with a name (4.4 or newer): the one in PATH, or Debian 13's, built
# from its source in a folder.
# Usage: get-make.sh FOLDER
#   FOLDER  where it is built, and found again the next time
# Needs no root, and of the network Debian's mirror alone, whose packages apt verifies. Exits 1 with a reason where none
# can be had.
set -euo pipefail
folder=$(realpath -m "${1:?}")
codename=trixie
# shellcheck source=tests/integration/debian-apt.sh
source "$(dirname "$(realpath "$0")")/../debian-apt.sh"

give_up() {
        echo "no make 4.4: $1" >&2
        exit 1
}

found() {
        [[ -x $folder/make ]] && echo "$folder/make"
}

found && exit
if make --help 2>/dev/null | grep -q jobserver-style; then
        command -v make
        exit
fi
for program in apt-get gcc flock; do
        command -v "$program" >/dev/null || give_up "no $program"
done
[[ -r $keyring ]] || give_up "no keys of Debian's archive"

mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock -w 300 9 || give_up "another process holds $folder.lock"
found && exit
work=$(mktemp -d) # configure takes no path with a blank
trap 'rm -rf "$work"' EXIT
use_debian "$work/apt" deb-src "$codename"
cd "$work"
{
        timeout 120 apt-get -q update && timeout 120 apt-get -q --download-only source make
} >"$work/log" 2>&1 || give_up "Debian's mirror gives none: $(grep -m 1 '^[EW]:' "$work/log" || tail -n 1 "$work/log")"
{
        mkdir source && tar -xf make-dfsg_*.orig.tar.* -C source --strip-components 1 && cd source &&
                # Debian leaves the manual out, for its licence.
                mkdir -p doc && touch doc/Makefile.in &&
                unset MAKEFLAGS && ./configure -q --disable-nls --disable-dependency-tracking --without-guile CFLAGS=-O0 &&
                sh build.sh
} >>"$work/log" 2>&1 || give_up "it cannot be built: $(tail -n 1 "$work/log")"
mkdir -p "$folder"
mv "$work/source/make" "$folder/make.new"
mv "$folder/make.new" "$folder/make"
found
