#!/usr/bin/env bash
# kernel.sh PACKAGE FOLDER MODULE...: puts vmlinuz and modules of a Debian kernel, with the modules that these need, into a folder.
# The file "order" there lists them in the order in which they load. Nothing is installed, which would change what this machine boots.
set -euo pipefail
package=$1 folder=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
apt-get update -q
image=$(apt-cache depends "$package" | awk '$1 == "Depends:" && $2 ~ /^linux-image-/ {print $2; exit}')
(cd "$work" && apt-get download -q "$image" && dpkg-deb -x ./*.deb .)

declare -A file done
while read -r path; do
	name=$(basename "$path" .ko)
	file[${name//-/_}]=$path # A module's own name never has dashes; its file's may.
done < <(find "$work" -name '*.ko')

order=()
# add MODULE adds a module to the order, after those that it needs. The package has no modules.dep: depmod makes it from these fields.
add() {
	local name=${1//-/_} need
	[ -z "${done[$name]:-}" ] || return 0
	done[$name]=1
	if [ -z "${file[$name]:-}" ]; then
		grep -qE "/${name//_/[-_]}\.ko$" "$work"/lib/modules/*/modules.builtin && return 0
		echo "$image has no module $name" >&2
		exit 1
	fi
	for need in $(tr '\0' '\n' <"${file[$name]}" | grep -a '^depends=' | cut -d= -f2 | tr ',' ' '); do
		add "$need"
	done
	order+=("${file[$name]}")
}
for module in "$@"; do add "$module"; done

mkdir -p "$folder"
cp "${order[@]}" "$folder/"
basename -a "${order[@]}" >"$folder/order"
cp "$work"/boot/vmlinuz-* "$folder/vmlinuz" # last: it says that the rest is there
echo "$image is in $folder"
