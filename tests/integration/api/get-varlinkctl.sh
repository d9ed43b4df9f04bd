#!/bin/bash
# Prints the path of a varlinkctl that knows --more and list-methods (systemd 257 or newer): the one in PATH, or
# Debian 13's, unpacked into a folder with the libraries that it needs and run by that folder's own ld.so.
# Usage: get-varlinkctl.sh FOLDER
#   FOLDER  where it is unpacked, and found again the next time
# Needs no root, and of the network Debian's mirror alone, whose packages apt verifies. Exits 1 with a reason where none
# can be had.
set -euo pipefail
folder=$(realpath -m "${1:?}")
codename=trixie
least=257
# shellcheck source=tests/integration/debian-apt.sh
source "$(dirname "$(realpath "$0")")/../debian-apt.sh"

give_up() {
        echo "$1" >&2
        exit 1
}

if [[ -x $folder/varlinkctl ]]; then
        echo "$folder/varlinkctl"
        exit
fi
if have=$(varlinkctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p') && ((${have:-0} >= least)); then
        command -v varlinkctl
        exit
fi
for program in apt-get dpkg-deb; do
        command -v "$program" >/dev/null || give_up "no varlinkctl of systemd $least, and no $program to get one"
done
[[ -r $keyring ]] || give_up "no varlinkctl of systemd $least, and no keys of Debian's archive"

mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock -w 300 9 || give_up "another process holds $folder.lock"
if [[ -x $folder/varlinkctl ]]; then
        echo "$folder/varlinkctl"
        exit
fi
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/root"
use_debian "$work/apt" deb "$codename"
{
        timeout 120 apt-get -q update &&
                # What the shared library of systemd's programs needs, and of systemd itself the one program.
                timeout 120 apt-get -qy install --download-only libsystemd-shared &&
                (cd "$work/apt/cache/archives" && timeout 120 apt-get -q download systemd)
} >"$work/log" 2>&1 || give_up "Debian's mirror gives no varlinkctl: $(grep -m 1 '^[EW]:' "$work/log" || tail -n 1 "$work/log")"
for package in "$work"/apt/cache/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$package" |
                tar -x -C "$work/root" --wildcards --no-same-owner './usr/lib*' './usr/bin/varlinkctl' 2>/dev/null || true
done
[[ -x $work/root/usr/bin/varlinkctl ]] || give_up "Debian's package of systemd has no varlinkctl"
cat >"$work/root/varlinkctl" <<'EOF'
#!/bin/bash
# Debian 13's varlinkctl with the libraries beside it.
root=$(dirname "$(realpath "$0")")/usr
for each in "$root"/lib*/ld-linux*.so.* "$root"/lib/*/ld-linux*.so.*; do
        [[ -x $each ]] && loader=$each && break
done
libraries=$(printf '%s:' "$root"/lib/*-linux-gnu* "$root"/lib/*-linux-gnu*/systemd)
exec "$loader" --library-path "${libraries%:}" "$root/bin/varlinkctl" "$@"
EOF
chmod +x "$work/root/varlinkctl"
version=$("$work/root/varlinkctl" --version 2>&1) || give_up "the unpacked varlinkctl does not run: $version"
rm -rf "$folder"
mv "$work/root" "$folder"
echo "$folder/varlinkctl"
