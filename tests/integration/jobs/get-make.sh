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
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

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
mkdir -p "$work"/apt/{state/lists/partial,cache/archives/partial,parts}
# shellcheck disable=SC2016 # apt's own $()
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
        grep -m 1 '/debian/*$') || mirror=http://deb.debian.org/debian
echo "deb-src [signed-by=$keyring] $mirror $codename main" >"$work/apt/sources"
: >"$work/apt/status"
cat >"$work/apt/conf" <<EOF
Dir::State "$work/apt/state";
Dir::State::status "$work/apt/status";
Dir::Cache "$work/apt/cache";
Dir::Etc::sourcelist "$work/apt/sources";
Dir::Etc::sourceparts "$work/apt/parts";
Dir::Etc::preferences "$work/apt/none";
Dir::Etc::preferencesparts "$work/apt/parts";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "1";
Acquire::http::Timeout "20";
Debug::NoLocking "true";
EOF
export APT_CONFIG=$work/apt/conf LC_ALL=C
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
