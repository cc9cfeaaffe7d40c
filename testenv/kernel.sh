#!/usr/bin/env bash
# kernel.sh PACKAGE FOLDER MODULE...: puts vmlinuz and modules of a Debian kernel into a folder, without installing it, which would
# change what this machine boots.
set -euo pipefail
package=$1 folder=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
apt-get update -q
image=$(apt-cache depends "$package" | awk '$1 == "Depends:" && $2 ~ /^linux-image-/ {print $2; exit}')
(cd "$work" && apt-get download -q "$image" && dpkg-deb -x ./*.deb .)
mkdir -p "$folder"
for module in "$@"; do
	find "$work/lib/modules" "$work/usr/lib/modules" -name "$module.ko" -exec cp {} "$folder/" \; 2>/dev/null || true
	[ -e "$folder/$module.ko" ] || { echo "$image has no module $module" >&2; exit 1; }
done
cp "$work"/boot/vmlinuz-* "$folder/vmlinuz" # last: it says that the rest is there
echo "$image is in $folder"
