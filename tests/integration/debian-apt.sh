#!/bin/bash
# Sourced by what gets programs of Debian's for tests: an apt of its own, which needs no root and touches nothing of the
# machine's.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Usage: use_debian FOLDER KIND CODENAME
#   FOLDER    where its lists and packages go
#   KIND      deb or deb-src
#   CODENAME  Debian's release; the mirror is this machine's, where it has one
use_debian() {
        local mirror
        mkdir -p "$1"/{state/lists/partial,cache/archives/partial,parts}
        # shellcheck disable=SC2016 # apt's own $()
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null |
                grep -m 1 '/debian/*$') || mirror=http://deb.debian.org/debian
        echo "$2 [signed-by=$keyring] $mirror $3 main" >"$1/sources"
        : >"$1/status"
        cat >"$1/conf" <<EOC
Dir::State "$1/state";
Dir::State::status "$1/status";
Dir::Cache "$1/cache";
Dir::Etc::sourcelist "$1/sources";
Dir::Etc::sourceparts "$1/parts";
Dir::Etc::preferences "$1/none";
Dir::Etc::preferencesparts "$1/parts";
APT::Sandbox::User "";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "1";
Acquire::http::Timeout "20";
Debug::NoLocking "true";
EOC
        export APT_CONFIG=$1/conf LC_ALL=C
}
