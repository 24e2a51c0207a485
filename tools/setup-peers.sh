#!/usr/bin/env bash
# Brings in the programs that some tests talk to, without installing anything: Debian's packages are
# downloaded and unpacked under target/peers, so no mail server of this machine is replaced and no
# service is left running. What cannot be had is said loudly, and its tests are skipped, loudly too.
#   tools/setup-peers.sh          all of them
#   tools/setup-peers.sh postfix  one of them: postfix | exim | opensmtpd | swaks | strace
# Debian lets only one of its mail servers be installed; unpacked, each in a folder of its own, they stand side by side.
set -u
cd "$(dirname "$0")/.."
peers="$PWD/target/peers"
root="$peers/root"
mkdir -p "$peers/deb" "$root"

loud() { printf '\n*** %s\n*** %s\n\n' "$1" "$2" >&2; }

lists_ready=""
# apt-get download needs package lists; only root can fetch them, once.
lists() {
  [ -n "$lists_ready" ] && return 0
  if ! command -v apt-get >/dev/null; then return 1; fi
  if ! apt-cache show "$1" >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] || return 1
    apt-get -q update >"$peers/apt.log" 2>&1 || return 1
  fi
  apt-cache show "$1" >/dev/null 2>&1 || return 1
  lists_ready=yes
}

# unpack FOLDER PACKAGE...: into a folder of target/peers; nothing is configured or started.
unpack() {
  local to="$peers/$1" package
  shift
  lists "$1" || return 1
  mkdir -p "$to"
  for package in "$@"; do
    ls "$peers/deb/${package}"_*.deb >/dev/null 2>&1 ||
      (cd "$peers/deb" && apt-get -q download "$package" >>"$peers/apt.log" 2>&1) ||
      { # stale lists name versions that are gone; fresh ones help, and only root can have them
        [ "$(id -u)" = 0 ] && apt-get -q update >>"$peers/apt.log" 2>&1 &&
          (cd "$peers/deb" && apt-get -q download "$package" >>"$peers/apt.log" 2>&1)
      } || return 1
    dpkg -x "$peers/deb/${package}"_*.deb "$to" || return 1
  done
}

# absent PACKAGE...: those of them that this machine does not have installed.
absent() {
  local package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || printf '%s ' "$package"
  done
}

# Shared libraries of unpacked programs stand in the usual places of the unpacked root.
libs="$root/usr/lib/postfix:$root/usr/lib/$(uname -m)-linux-gnu:$root/lib/$(uname -m)-linux-gnu"

postfix() {
  local tools="$root/usr/sbin"
  if ! LD_LIBRARY_PATH="$libs" "$tools/postconf" -d -h mail_version >/dev/null 2>&1; then
    # shellcheck disable=SC2046
    unpack root postfix $(absent libdb5.3 libicu72 libnsl2 libsasl2-2 libssl3 libtirpc3) &&
      LD_LIBRARY_PATH="$libs" "$tools/postconf" -d -h mail_version >/dev/null 2>&1 ||
      { loud "Postfix cannot be had here (see target/peers/apt.log)." "The tests that deliver to it and smtp-source are skipped."; return 1; }
  fi
  printf 'postfix %s in target/peers\n' "$(LD_LIBRARY_PATH="$libs" "$tools/postconf" -d -h mail_version 2>/dev/null)"
}

# What a folder of target/peers has of shared libraries, for a look at the programs in it.
libs_of() { printf '%s:' "$peers/$1/usr/lib/$(uname -m)-linux-gnu" "$peers/$1/lib/$(uname -m)-linux-gnu"; }

exim() {
  local program="$peers/exim/usr/sbin/exim4"
  if ! [ -x "$program" ]; then
    # shellcheck disable=SC2046
    unpack exim exim4-daemon-light exim4-base $(absent libdb5.3 libgnutls-dane0 libgnutls30 libidn12 libidn2-0 libnsl2 libpcre2-8-0 libtirpc3 libunbound8 libevent-2.1-7) &&
      LD_LIBRARY_PATH="$(libs_of exim)" ldd "$program" 2>/dev/null | grep -q 'libgnutls' &&
      ! LD_LIBRARY_PATH="$(libs_of exim)" ldd "$program" 2>/dev/null | grep -q 'not found' ||
      { loud "Exim cannot be had here (see target/peers/apt.log)." "The tests with it as a neighbour are skipped."; rm -rf "$program"; return 1; }
  fi
  printf 'exim in target/peers\n'
}

opensmtpd() {
  local program="$peers/opensmtpd/usr/sbin/smtpd"
  if ! [ -x "$program" ]; then
    # shellcheck disable=SC2046
    unpack opensmtpd opensmtpd $(absent libdb5.3 libevent-2.1-7 libpam0g libssl3) &&
      LD_LIBRARY_PATH="$(libs_of opensmtpd)" ldd "$program" 2>/dev/null | grep -q 'libevent' &&
      ! LD_LIBRARY_PATH="$(libs_of opensmtpd)" ldd "$program" 2>/dev/null | grep -q 'not found' ||
      { loud "OpenSMTPD cannot be had here (see target/peers/apt.log)." "The tests with it as a neighbour are skipped."; rm -rf "$program"; return 1; }
  fi
  printf 'opensmtpd in target/peers\n'
}

swaks() {
  if ! command -v perl >/dev/null || ! perl -MTime::HiRes -MSys::Hostname -MIO::Socket -e1 2>/dev/null; then
    loud "perl with its core modules is missing (package perl)." "The tests that send with swaks are skipped."
    return 1
  fi
  type -P swaks >/dev/null || [ -e "$root/usr/bin/swaks" ] || unpack root swaks ||
    { loud "swaks cannot be had here (see target/peers/apt.log)." "The tests that send with it are skipped."; return 1; }
  perl -MNet::SSLeay -e1 2>/dev/null || ls "$root"/usr/lib/*/perl5/*/Net/SSLeay.pm >/dev/null 2>&1 || unpack root libnet-ssleay-perl ||
    loud "perl's Net::SSLeay cannot be had here." "swaks then sends without TLS only."
  printf 'swaks %s\n' "$(type -P swaks || printf 'in target/peers')"
}

strace() {
  if type -P strace >/dev/null; then printf 'strace of this machine\n'; return 0; fi
  # shellcheck disable=SC2046
  [ -e "$root/usr/bin/strace" ] || unpack root strace $(absent libunwind8 liblzma5) ||
    { loud "strace cannot be had here (see target/peers/apt.log)." "The tests of a failing disk are skipped."; return 1; }
  printf 'strace in target/peers\n'
}

for one in "${@:-}"; do
  case "$one" in
  "") postfix; exim; opensmtpd; swaks; strace ;;
  postfix | exim | opensmtpd | swaks | strace) "$one" ;;
  *) printf 'setup-peers.sh: %s is none of postfix, exim, opensmtpd, swaks, strace\n' "$one" >&2; exit 2 ;;
  esac
done
exit 0
