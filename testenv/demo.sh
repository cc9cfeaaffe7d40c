#!/usr/bin/env bash
# Shows Tapline at work: a lab of two real Open vSwitch hosts in network namespaces, a controller, one guest mirrored to
# another guest's extra NIC on the other host, and the copies of its packets there. Cleans up after itself.
set -euo pipefail
cd "$(dirname "$0")/.."

[ "$(id -u)" = 0 ] || { echo "the demo makes network namespaces: run it as root" >&2; exit 1; }

export TAPLINE_LAB="demo$$"
work=$(mktemp -d)
clean_up() {
	status=$?
	trap - EXIT INT TERM
	if [ $status != 0 ]; then
		log="$(bin/tapline-lab info -o json 2>/dev/null | sed -n 's/^  "dir": "\(.*\)",$/\1/p')/controller.log"
		[ ! -s "$log" ] || { echo "-- the controller's log:"; tail -20 "$log"; } >&2
	fi
	bin/tapline-lab down >/dev/null 2>&1 || true
	rm -rf "$work"
	exit $status
}
trap clean_up EXIT INT TERM

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
on() { node=$1; shift; bin/tapline-lab exec "$node" -- "$@"; }
tapctl() { echo "\$ tapctl $*"; on controller tapctl "$@"; }

# until_true SECONDS COMMAND...: waits for a condition.
until_true() {
	deadline=$((SECONDS + $1)); shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || { echo "gave up waiting for: $*" >&2; return 1; }
		read -rt 0.05 <> <(:) || true
	done
}

say "Two hosts with Open vSwitch, two guests on each"
bin/tapline-lab up --hosts 2

say "The controller"
bin/tapline-lab serve
tapctl host-create h1 --ovsdb tcp:10.200.0.11:6640 --wait 10s
tapctl host-create h2 --ovsdb tcp:10.200.0.12:6640 --wait 10s

say "Guests are found by the ids that hypervisors write to the ports"
tapctl guest-list

say "Where to: an extra NIC of guest g3 on host h2"
tapctl tap-service-create --type guest --target-id g3 analysis
# The hypervisor's part: plug the NIC that the service names, on whichever bridge.
bin/tapline-lab plug g3 --tap-service analysis
tapctl tap-service-enable analysis --wait 10s

say "What: the NIC of guest g1 on host h1, both directions"
tapctl tap-flow-create --type vnic --guest-id g1 --tap-id analysis web --wait 10s
tapctl tap-flow-list

say "Guest g1 talks to its neighbour; the copies at the extra NIC of g3:"
on g3 timeout 20 tcpdump -lnei eth1 -c 8 icmp >"$work/copies" 2>"$work/tcpdump.log" &
capture=$!
until_true 10 grep -q listening "$work/tcpdump.log"
on g1 ping -q -c 4 -i 0.2 10.220.0.2 >"$work/ping"
grep 'packets transmitted' "$work/ping"
wait $capture
cat "$work/copies"
[ "$(grep -c 'ICMP echo' "$work/copies")" = 8 ] || { echo "not every packet was copied" >&2; exit 1; }

say "The way of the packets, and what each place has counted"
tapctl explain tap-flow web | sed '/^CHECKS/,$d'

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
