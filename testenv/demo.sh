#!/usr/bin/env bash
# Shows Tapline at work: a lab of two real Open vSwitch hosts in network namespaces, a controller, one guest mirrored to
# another guest's extra NIC on the other host, and the copies of its packets there. Cleans up after itself.
set -euo pipefail
cd "$(dirname "$0")/.."

[ "$(id -u)" = 0 ] || { echo "the demo makes network namespaces: run it as root" >&2; exit 1; }

lab="demo$$"
work=$(mktemp -d)
controller=
clean_up() {
	status=$?
	trap - EXIT INT TERM
	if [ $status != 0 ] && [ -s "$work/controller.log" ]; then
		echo "-- the controller's log:" >&2
		tail -20 "$work/controller.log" >&2
	fi
	[ -z "$controller" ] || { kill "$controller" 2>/dev/null && wait "$controller" 2>/dev/null || true; }
	bin/tapline-lab down --name "$lab" >/dev/null 2>&1 || true
	rm -rf "$work"
	exit $status
}
trap clean_up EXIT INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
on() { node=$1; shift; bin/tapline-lab exec --name "$lab" "$node" -- "$@"; }
tapctl() { echo "\$ tapctl $*"; on controller "$PWD/bin/tapctl" --token-file "$work/data/admin.token" "$@"; }
field() { on controller "$PWD/bin/tapctl" --token-file "$work/data/admin.token" "$1-show" "$2" -o json | sed -n "s/^ *\"$3\": \"\\(.*\\)\",\\{0,1\\}\$/\\1/p"; }

# until_true SECONDS COMMAND...: waits for a condition.
until_true() {
	deadline=$((SECONDS + $1)); shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || { echo "gave up waiting for: $*" >&2; return 1; }
		read -rt 0.05 <> <(:) || true
	done
}

say "Two hosts with Open vSwitch, two guests on each"
bin/tapline-lab up --name "$lab" --hosts 2

say "The controller"
# Not by a function: $! must be the process itself, which tapline-lab exec becomes.
bin/tapline-lab exec --name "$lab" controller -- "$PWD/bin/tapline" serve --data-dir "$work/data" >"$work/controller.log" 2>&1 &
controller=$!
until_true 20 on controller "$PWD/bin/tapctl" --token-file "$work/data/admin.token" host-list
tapctl host-create h1 --ovsdb tcp:10.200.0.11:6640 --wait 10s
tapctl host-create h2 --ovsdb tcp:10.200.0.12:6640 --wait 10s

say "Guests are found by the ids that hypervisors write; names can be given to them"
vm_id() { on "$1" ovs-vsctl --bare get interface "$2" external_ids:vm-id | tr -d '"'; }
tapctl guest-create web --id "$(vm_id h1 vnet0)" --nic mac=52:54:00:00:00:01,ip=10.220.0.1
tapctl guest-create ids --id "$(vm_id h2 vnet2)" --nic mac=52:54:00:00:00:03,ip=10.220.0.3
tapctl guest-list

say "Where to: an extra NIC of guest ids (g3 of the lab) on host h2"
tapctl tap-service-create --type guest --target-id ids analysis
# The hypervisor's part: plug the NIC that the service names, on whichever bridge.
bin/tapline-lab plug --name "$lab" g3 --mac "$(field tap-service analysis mac_addr)" --ifname "$(field tap-service analysis ifname)" --bridge br0
tapctl tap-service-enable analysis --wait 10s

say "What: the NIC of guest web (g1) on host h1, both directions"
tapctl tap-flow-create --type vnic --guest-id web --tap-id analysis web --wait 10s
tapctl tap-flow-list

say "Guest web talks to its neighbour; the copies at the extra NIC of ids:"
on g3 timeout 20 tcpdump -lnei eth1 -c 8 icmp >"$work/copies" 2>"$work/tcpdump.log" &
capture=$!
until_true 10 grep -q listening "$work/tcpdump.log"
on g1 ping -q -c 4 -i 0.2 10.220.0.2 >"$work/ping"
grep 'packets transmitted' "$work/ping"
wait $capture
cat "$work/copies"
[ "$(grep -c 'ICMP echo' "$work/copies")" = 8 ] || { echo "not every packet was copied" >&2; exit 1; }

say "What stands on the source's switch"
on h1 ovs-vsctl --columns=name,select_src_port,select_dst_port,output_port,statistics,external_ids list mirror
on h1 ovs-ofctl -O OpenFlow13 --no-stats dump-flows brtap

say "Disabled, and silent"
tapctl tap-flow-disable web --wait 10s
on h1 ovs-vsctl list mirror

say "And gone"
tapctl tap-flow-delete web
tapctl tap-service-delete analysis
tapctl host-delete h1
tapctl host-delete h2
say "Cleaning up"
