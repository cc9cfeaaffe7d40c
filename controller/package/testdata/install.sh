#!/bin/bash
# install.sh DEB DIR: in namespaces of its own, install the package into an overlay of this machine's
# root, use it, and remove it.
set -euo pipefail
deb=$1 dir=$2

mount --make-rprivate /
mount -t tmpfs tmpfs "$dir"
mkdir "$dir/upper" "$dir/work" "$dir/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
mount -t proc proc "$dir/root/proc"
mount --rbind /dev "$dir/root/dev"
mount -t tmpfs tmpfs "$dir/root/tmp" && chmod 1777 "$dir/root/tmp"
mount -t tmpfs tmpfs "$dir/root/run" # Hides the machine's systemd.
cp "$deb" "$dir/root/tmp/tapline.deb"
ip link set lo up

exec chroot "$dir/root" /bin/bash -euo pipefail <<'INSIDE'
cd /
fail() { echo "FAILED: $*"; exit 1; }
as_tapline() { setpriv --reuid tapline --regid tapline --clear-groups "$@"; }

dpkg --no-triggers -i /tmp/tapline.deb
for program in tapline tapctl climc tapline-mirror; do [ -x "/usr/bin/$program" ] || fail "no $program"; done
/usr/bin/tapline version
[ "$(/usr/bin/tapline --version)" = "$(/usr/bin/tapline version)" ] || fail "--version is not version"
! strings -a /usr/bin/tapline 2>/dev/null | grep -q "$HOME/go/pkg/mod" || fail "the program has paths of the build"
/usr/bin/tapctl version
id tapline

echo "-- documentation and completion"
for page in man1/tapctl man1/tapctl-tap-flow-create man8/tapline man8/tapline-serve; do
	[ -s "/usr/share/man/$page.${page:3:1}" ] || fail "no man page $page"
done
for page in README.md api/docs/operation.md api/examples/mirror_guest.py; do
	[ -s "/usr/share/doc/tapline/$page" ] || fail "no document $page"
done
bash -c 'source /usr/share/bash-completion/completions/tapctl && complete -p tapctl'
bash -n /usr/share/bash-completion/completions/tapline

echo "-- licences of what the programs contain"
for module in go github.com/spf13/cobra go.etcd.io/bbolt google.golang.org/grpc; do
	ls /usr/share/doc/tapline/licenses/$module/LICENSE* >/dev/null || fail "no licence of $module"
done

echo "-- the unit"
grep -q '^u tapline ' /usr/lib/sysusers.d/tapline.conf || fail "no sysusers.d"
if command -v systemd-analyze >/dev/null; then systemd-analyze verify /usr/lib/systemd/system/tapline.service; fi

echo "-- the configuration, as the service's user"
as_tapline /usr/bin/tapline config check /etc/tapline/tapline.yaml
as_tapline /usr/bin/tapline plugin describe | head -2

echo "-- the service"
install -d -o tapline -g tapline -m 700 /var/lib/tapline # systemd does it, by StateDirectory
setpriv --reuid tapline --regid tapline --clear-groups /usr/bin/tapline serve --config /etc/tapline/tapline.yaml 2>/tmp/log &
controller=$!
export TAPLINE_TOKEN_FILE=/var/lib/tapline/admin.token
deadline=$((SECONDS + 30))
until tapctl host-list >/tmp/out 2>&1; do
	[ $SECONDS -lt $deadline ] || { cat /tmp/log /tmp/out; fail "the controller does not answer"; }
done
[ "$(stat -c '%U %a' /var/lib/tapline/admin.token)" = "tapline 600" ] || fail "the token is open to others"
climc host-create h1 --ovsdb tcp:192.0.2.1:6640 -o id
kill $controller; code=0; wait $controller || code=$?
[ $code = 0 ] || { cat /tmp/log; fail "the controller ended with exit code $code"; }

echo "-- a newer package keeps the configuration and the intent"
echo "# changed" >>/etc/tapline/tapline.yaml
dpkg --no-triggers -i /tmp/tapline.deb
grep -q '^# changed' /etc/tapline/tapline.yaml || fail "the configuration was overwritten"
[ -s /var/lib/tapline/tapline.db ] || fail "the intent is gone"

echo "-- gone again"
dpkg --no-triggers -r tapline
[ -e /etc/tapline/tapline.yaml ] || fail "remove took the configuration away"
dpkg --no-triggers -P tapline 2>&1 | tee /tmp/purge
grep -q 'the switches still mirror' /tmp/purge || fail "purge does not say that mirrors go on"
for left in /usr/bin/tapline /usr/lib/tapline /etc/tapline /var/lib/tapline /usr/lib/systemd/system/tapline.service; do
	[ ! -e $left ] || fail "purge left $left"
done
! getent passwd tapline || fail "purge left the user"
echo "-- all well"
INSIDE
