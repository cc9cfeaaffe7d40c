package link

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Anybody can present a host's datapath id, and a switch that was cloned with its database does so
// in good faith. An OpenFlow connection is therefore used only once it is known to be that of the
// switch whose database is open. Both show two things:
//
//   - the number and MAC address of the tunnel port. Open vSwitch draws that address at random when
//     it starts, so a clone has another one;
//   - a nonce of 128 bits that we have written to the database, and that OpenFlow shows as the
//     datapath description. Nobody else can guess it.
//
// This works through NAT and with several addresses of a host. With TLS, the certificate counts as
// well.

// switchIdentity is what a switch shows both in its database and by OpenFlow. The port is the
// tunnel port or, while there is none, the tap bridge's own. The zero value is no identity.
type switchIdentity struct {
	port  openflow.PortNo
	mac   openflow.MAC
	nonce string // "" while the database has none
}

func (id switchIdentity) known() bool { return id != switchIdentity{} }

// matchesPorts reports whether a switch with these ports by OpenFlow may have this identity.
func (id switchIdentity) matchesPorts(ports map[openflow.PortNo]openflow.MAC) bool {
	mac, stands := ports[id.port]
	return id.known() && stands && mac == id.mac
}

// matches reports whether a switch has this identity.
func (id switchIdentity) matches(sw *Switch) bool {
	return id.matchesPorts(sw.ports) && (id.nonce == "" || id.nonce == sw.description)
}

// localInDatabase is the number of a bridge's own port in ovs-vswitchd.conf.db(5), which is that of
// OpenFlow 1.0.
const localInDatabase = 0xfffe

// identityIn reads the identity from the database. Ports that the switch has not filled in yet do
// not count.
func identityIn(snap *vswitch.Snapshot, bridge, tunnel string) switchIdentity {
	for _, name := range []string{tunnel, bridge} {
		port, stands := snap.PortOnBridge(bridge, name)
		if !stands {
			continue
		}

		for device := range snap.EachInterface(port) {
			mac, err := tap.ParseMAC(device.MACInUse)
			if err != nil || mac.IsZero() || device.OFPort <= 0 {
				continue
			}
			no := openflow.PortNo(device.OFPort)
			if no == localInDatabase {
				no = openflow.PortLocal
			}
			return switchIdentity{port: no, mac: openflow.MAC(mac)}
		}
	}
	return switchIdentity{}
}

const (
	// maxArrivals bounds the connections of a host that are being asked for their ports. The oldest
	// goes first: a switch answers within a round trip.
	maxArrivals = 16
	// maxUnverified bounds those that do not show what the database shows. More are refused: the
	// host's own switch needs no place among them when it connects again.
	maxUnverified = 4
	// verifyTime is how long such a connection may stay while the database is open: a switch that
	// has just started writes the addresses of its ports to its database within some 100 ms.
	verifyTime = 3 * time.Second
	// guessTime is how often its description is read again, so that it has few guesses.
	guessTime = 250 * time.Millisecond
)

// Learn takes the identity of the host's switch from its database, which shows a nonce, or "". The
// name of the tunnel port may be empty.
func (l *Link) Learn(snap *vswitch.Snapshot, tunnel, nonce string) {
	id := identityIn(snap, l.config.TapBridge, tunnel)
	if id.known() {
		id.nonce = nonce
	}
	l.learn(id)
}

func (l *Link) learn(id switchIdentity) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.identity = id
	l.recogniseLocked()
}

// identify returns nil as soon as a connection is known to be that of the host's switch.
func (l *Link) identify(ctx context.Context, sw *Switch) error {
	if err := l.arrive(sw); err != nil {
		return err
	}
	defer l.forget(sw)

	if err := sw.readPorts(ctx); err != nil {
		return err
	}

	description, err := sw.readDescription(ctx)
	if err != nil {
		return err
	}

	sw.description = description
	if err := sw.readPurpose(ctx); err != nil {
		return err
	}
	if err := l.present(sw); err != nil {
		return err
	}

	return l.awaitRecognition(ctx, sw)
}

// awaitRecognition follows the ports of an unverified connection until they match the database.
func (l *Link) awaitRecognition(ctx context.Context, sw *Switch) error {
	check := time.NewTicker(verifyTime)
	defer check.Stop()
	guess := time.NewTicker(guessTime)
	defer guess.Stop()
	for {
		select {
		case <-sw.recognised:
			return nil
		case events, open := <-sw.Conn.Events():
			if !open {
				return sw.Conn.Err()
			}
			for _, event := range events {
				if status, is := event.Message.(*openflow.PortStatus); is {
					l.followPort(sw, status)
				}
			}
		case <-guess.C:
			if err := l.reread(ctx, sw); err != nil {
				return err
			}
		case <-check.C:
			if l.comparable() {
				return errors.New("it claims to be the host's tap bridge, " +
					"and its ports are not those of the host's database")
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// arrive takes a connection among the arrivals.
func (l *Link) arrive(sw *Switch) error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return errClosed
	}

	l.arrived++
	sw.number = l.arrived
	l.arrivals = append(l.arrivals, sw)
	var oldest *Switch
	if len(l.arrivals) > maxArrivals {
		oldest = l.arrivals[0]
		l.arrivals = slices.Delete(l.arrivals, 0, 1)
	}

	l.mu.Unlock()

	if oldest != nil {
		_ = oldest.Conn.Close() // It returns nil.
	}

	return nil
}

// present recognises an arrival, or takes it among the unverified.
func (l *Link) present(sw *Switch) error {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.closed {
		return errClosed
	}

	l.arrivals = without(l.arrivals, sw)
	l.unverified = append(l.unverified, sw)
	l.recogniseLocked()
	if len(l.unverified) > maxUnverified {
		return fmt.Errorf("it claims to be the host's tap bridge, and so do %d others "+
			"whose ports are not those of the host's database", maxUnverified)
	}

	return nil
}

// reread reads the description of an unverified connection again if it alone does not match: a
// nonce that was just written comes to the switch a little later than to its database.
func (l *Link) reread(ctx context.Context, sw *Switch) error {
	l.mu.Lock()
	wrong := l.identity.matchesPorts(sw.ports) && l.identity.nonce != sw.description
	l.mu.Unlock()
	if !wrong {
		return nil
	}

	description, err := sw.readDescription(ctx)
	if err != nil {
		return err
	}

	l.mu.Lock()
	defer l.mu.Unlock()

	sw.description = description
	l.recogniseLocked()
	return nil
}

// followPort keeps the ports of an unverified connection up to date.
func (l *Link) followPort(sw *Switch, status *openflow.PortStatus) {
	gone := status.Reason == openflow.PortDeleted
	sw.noteConfig(status.Port, gone)

	l.mu.Lock()
	defer l.mu.Unlock()

	switch {
	case gone:
		delete(sw.ports, status.Port.No)
	case len(sw.ports) < maxPorts:
		sw.ports[status.Port.No] = status.Port.HWAddr
	}

	l.recogniseLocked()
}

// recogniseLocked wakes the newest unverified connection of each purpose that matches the database.
func (l *Link) recogniseLocked() {
	var woken [2]bool
	for _, sw := range slices.Backward(slices.Clone(l.unverified)) {
		purpose := &woken[0]
		if sw.captures {
			purpose = &woken[1]
		}
		if !*purpose && l.identity.matches(sw) {
			*purpose = true
			l.unverified = without(l.unverified, sw)
			close(sw.recognised)
		}
	}
}

// comparable reports whether there is an open database to hold an unverified connection against.
func (l *Link) comparable() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.database != nil && l.identity.known()
}

// checkCertificate checks the certificate of an OpenFlow connection, if it has one: it must name
// the host or, if it names no host at all, be the one that the host's database shows.
func (l *Link) checkCertificate(conn *ofconn.Conn) error {
	state, secure := conn.TLS()
	if !secure || len(state.PeerCertificates) == 0 {
		return nil
	}

	shown := state.PeerCertificates[0]
	own, err := l.config.certified(shown)
	if own || err != nil {
		return err
	}

	l.mu.Lock()
	defer l.mu.Unlock()

	if l.database == nil {
		return nil
	}
	if peer := l.database.PeerCertificate(); peer != nil && !bytes.Equal(peer.Raw, shown.Raw) {
		return fmt.Errorf("certificate %q is not the one that the host's database shows, "+
			"and does not name the host", shown.Subject.CommonName)
	}

	return nil
}

// certified is Config.Certified, or neither own nor an error where nobody can tell.
func (c *Config) certified(shown *x509.Certificate) (own bool, err error) {
	if c.Certified == nil {
		return false, nil
	}
	return c.Certified(shown)
}
