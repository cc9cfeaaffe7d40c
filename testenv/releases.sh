#!/usr/bin/env bash
# releases.sh FOLDER SUITE...: unpacks Open vSwitch and OVN of other Debian suites into FOLDER/ovs-VERSION,
# beside the system. Nothing is installed. What is in its folder "programs" runs by the suite's own loader and
# libraries. A suite that is there already is left as it is; remove its folder to get a newer one.
set -euo pipefail
folder=$1
shift
programs='ovs-vswitchd ovsdb-server ovsdb-tool ovsdb-client ovs-vsctl ovs-ofctl ovs-appctl'
ovn_programs='ovn-northd ovn-controller ovn-nbctl ovn-sbctl ovn-appctl' # bullseye has none

# unpack SUITE WORK: downloads the packages and the libraries that they need, and unpacks them.
unpack() {
	local suite=$1 work=$2
	local keys=/usr/share/keyrings/debian-archive-keyring.gpg
	mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs" "$work/root"
	: >"$work/status"
	echo "deb [signed-by=$keys] http://deb.debian.org/debian $suite main" >"$work/sources.list"

	# An apt of its own, which believes that nothing is installed.
	local apt=(-q -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$work/lists" -o "Dir::State::status=$work/status"
		-o "Dir::Cache=$work/cache" -o Dir::Etc::preferencesparts=/dev/null
		-o Dir::Etc::preferences=/dev/null -o APT::Sandbox::User=root
		-o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false)
	apt-get "${apt[@]}" update

	local packages=(openvswitch-switch openvswitch-common) needed
	if [ -n "$(apt-cache "${apt[@]}" show ovn-host 2>/dev/null)" ]; then packages+=(ovn-central ovn-host); fi
	needed=$(apt-get "${apt[@]}" install --no-install-recommends -s "${packages[@]}" |
		awk '$1 == "Inst" && $2 ~ /^(openvswitch|ovn|lib|zlib1g)/ {print $2}' |
		grep -Ev '^lib(python|perl|pam|systemd-shared|semanage|sepol|debconf)')
	# shellcheck disable=SC2086
	(cd "$work/debs" && apt-get "${apt[@]}" download $needed)
	for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
	rm -rf "$work"/root/usr/share/{doc,man,locale,gdb,bash-completion} "$work"/root/usr/lib/*/gconv
	# Where the libraries are a matter of update-alternatives, their links are made by installation.
	for dir in "$work"/root/usr/lib/openvswitch-*; do
		if [ -d "$dir" ]; then ldconfig -n "$dir"; fi
	done
}

# wrap ROOT TARGET: makes TARGET/programs, with a script for each program that starts it by its own loader.
# TARGET is where ROOT is moved afterwards.
wrap() {
	local root=$1 target=$2
	local loader paths name path names=$programs
	if [ -e "$root/usr/share/ovn" ]; then names="$names $ovn_programs"; fi
	loader=$(cd "$root" && find . -name 'ld-linux-*.so.*' | sort | sed -n '1s|^\./||p')
	paths=$(cd "$root" && find . -name '*.so.*' -printf '%h\n' | sort -u | sed "s|^\.|$target|" | paste -sd: -)
	mkdir -p "$root/programs"
	for name in $names; do
		path=$(cd "$root" && find usr -type f -perm -u+x -path "*bin/$name" -o -type f -perm -u+x -path \
			"*/openvswitch-switch/$name" -o -type f -perm -u+x -path "*/openvswitch-common/$name" | sed -n 1p)
		[ -n "$path" ] || { echo "$target has no $name" >&2; exit 1; }
		printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' \
			"$target/$loader" "$paths" "$target/$path" >"$root/programs/$name"
		chmod +x "$root/programs/$name"
	done
}

for suite in "$@"; do
	if grep -qsx "$suite" "$folder"/ovs-*/suite; then continue; fi
	work=$(mktemp -d)
	trap 'cat "$work/log" >&2; rm -rf "$work"' EXIT # until it has worked
	unpack "$suite" "$work" >"$work/log" 2>&1

	version=$(basename "$work"/debs/openvswitch-switch_*.deb | sed 's/^openvswitch-switch_\([0-9.]*\).*/\1/')
	target=$folder/ovs-$version
	wrap "$work/root" "$target"
	echo "$suite" >"$work/root/suite"
	mkdir -p "$folder"
	rm -rf "$target" "$target.new"
	cp -a "$work/root" "$target.new" && mv "$target.new" "$target" # at once: a half one is never seen
	trap - EXIT
	rm -rf "$work"
	echo "Open vSwitch $version of $suite is in $target"
done
