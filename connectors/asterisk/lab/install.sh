#!/bin/bash
# install.sh 22|16 FOLDER: an Asterisk from Debian's packages, unpacked side by
# side into a folder: no dpkg in it, no maintainer scripts, nothing of the
# machine's own packages is touched. Needs root (chroot), apt-get and dpkg-deb,
# and takes about ten seconds and 100 MB.
set -euo pipefail
version=$1 root=$2
case $version in
22) suite=forky
    libs="libbrotli1 libbsd0 libc6 libcap2 libcom-err2 libcrypt1 libcurl4t64 libedit2 libgcc-s1 libgsm1 libgssapi-krb5-2 libidn2-0
      libjansson4 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 libldap2 libmd0 libnghttp2-14 libnghttp3-9 libngtcp2-16
      libngtcp2-crypto-ossl0 libnspr4 libnss3 libpsl5t64 libsasl2-2 libsqlite3-0 libsrtp2-1 libssh2-1t64 libssl3t64 libstdc++6
      libsystemd0 libtinfo6 libunistring5 liburiparser1 libuuid1 libxml2-16 libxslt1.1 libzstd1 zlib1g tzdata" ;;
16) suite=bullseye
    libs="libbsd0 libc6 libcap2 libcom-err2 libcrypt1 libcurl4 libedit2 libgcc-s1 libgcrypt20 libgpg-error0 libgsm1 libgssapi-krb5-2
      libicu67 libidn2-0 libjansson4 libk5crypto3 libkeyutils1 libkrb5-3 libkrb5support0 libldap-2.4-2 liblz4-1 liblzma5 libmd0
      libnghttp2-14 libnettle8 libhogweed6 libgnutls30 libgmp10 libp11-kit0 libffi7 libtasn1-6 libbrotli1 libpopt0 libpsl5 librtmp1
      libsasl2-2 libsqlite3-0 libsrtp2-1 libssh2-1 libssl1.1 libstdc++6 libsystemd0 libtinfo6 libunistring2 liburiparser1 libuuid1
      libxml2 libxslt1.1 libzstd1 zlib1g libnss3 libnspr4 libresample1 tzdata" ;;
*) echo "install.sh: version $version is neither 22 nor 16" >&2; exit 2 ;;
esac

# The mirror that this machine's apt uses already.
mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } |
  sed -nE 's/^(URIs:|deb( \[[^]]*\])?) *(https?:[^ ]*debian)\/? ?.*/\3/p' | sed -n 1p)
[ -n "$mirror" ] || { echo "install.sh: apt on this machine names no Debian mirror" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{etc/apt/preferences.d,etc/apt/apt.conf.d,lists/partial,cache/archives/partial,debs}
keys=$(ls /usr/share/keyrings/debian-archive-*.gpg | paste -sd,)
echo "deb [signed-by=$keys] $mirror $suite main" >"$work/etc/apt/sources.list"
: >"$work/status"
# An old suite's index can be past its date; signatures are checked all the same.
apt=(apt-get -q -o Dir::Etc="$work/etc/apt" -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache"
  -o Dir::State::status="$work/status" -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o Acquire::Retries=3
  -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o APT::Architecture=amd64 -o APT::Sandbox::User=root)
"${apt[@]}" update
(cd "$work/debs" && "${apt[@]}" download asterisk asterisk-modules asterisk-config asterisk-core-sounds-en-gsm $libs)

new=$root.new
rm -rf "$new"
mkdir -p "$new"/usr/{bin,sbin,lib,lib64}
for d in bin sbin lib lib64; do ln -s usr/$d "$new/$d"; done
for deb in "$work"/debs/*.deb; do
  dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$new" --keep-directory-symlink --exclude='./usr/share/doc' \
    --exclude='./usr/share/man' --exclude='./usr/share/locale' --exclude='*codec2*'
done
mkdir -p "$new"/{dev,proc,sys,tmp,root,run,lab} "$new"/var/{run,log,lib,spool,cache}/asterisk
chmod 1777 "$new/tmp"
for node in "null 1 3" "zero 1 5" "random 1 8" "urandom 1 9" "tty 5 0"; do
  set -- $node
  mknod -m 666 "$new/dev/$1" c "$2" "$3"
done
echo 'root:x:0:0:root:/root:/bin/sh' >"$new/etc/passwd"
echo 'root:x:0:' >"$new/etc/group"
echo '127.0.0.1 localhost' >"$new/etc/hosts"
chroot "$new" /usr/sbin/asterisk -V
rm -rf "$root"
mv "$new" "$root"
