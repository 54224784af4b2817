#!/bin/sh
# rootfs.sh DIR PROGRAM...: makes below DIR the root of an image that holds these programs, stripped, every library they
# are linked with, the certificates of public authorities, and the names of two users. All file times are
# SOURCE_DATE_EPOCH, so that the same sources and packages give the same files.
set -eu
dir=$1
shift

mkdir -p "$dir/usr/local/bin" "$dir/etc/ssl/certs"
for program in "$@"; do
    install -s -m 755 "$program" "$dir/usr/local/bin/"
    # ldd may fail, as under an emulator, and may not find everything: then there is no image, rather than one that does
    # not start.
    libraries=$(ldd "$program") || {
        echo "rootfs.sh: ldd cannot tell what $program is linked with" >&2
        exit 1
    }
    case $libraries in *"not found"*)
        printf 'rootfs.sh: %s:\n%s\n' "$program" "$libraries" >&2
        exit 1
        ;;
    esac
    # Every absolute path that it prints is a library, or the loader.
    echo "$libraries" | tr -s '[:blank:]' '\n' | grep '^/' | sort -u | while read -r library; do
        mkdir -p "$dir${library%/*}"
        cp -L "$library" "$dir$library"
    done
done
cp -L /etc/ssl/certs/ca-certificates.crt "$dir/etc/ssl/certs/"
printf 'root:x:0:0:root:/:/nologin\ntandem:x:65532:65532:tandem:/:/nologin\n' >"$dir/etc/passwd"
printf 'root:x:0:\ntandem:x:65532:\n' >"$dir/etc/group"
printf 'hosts: files dns\n' >"$dir/etc/nsswitch.conf"
find "$dir" -exec touch -h -d "@${SOURCE_DATE_EPOCH:-0}" {} +
