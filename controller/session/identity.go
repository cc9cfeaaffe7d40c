package session

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/tapline-sdn/tapline/openflow"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Anybody can present a host's datapath id: a switch that was cloned with its database does it in good faith. So an OpenFlow
// connection is used only once it is known to be that of the switch whose database we have open. Both tell the number and address of
// the tunnel port, and Open vSwitch draws that address by lot when it starts: 46 bits that nobody else knows. Neither NAT nor
// several addresses of a host disturb that, and nothing has to be written. With TLS the certificate counts as well.

// trait is a port as a switch shows it both in its database and by OpenFlow: the tunnel port or, where there is none, the tap
// bridge's own. The zero value is none.
type trait struct {
	no  openflow.PortNo
	mac openflow.MAC
}

func (t trait) known() bool { return t != trait{} }

// fits reports whether a switch with these ports by OpenFlow is the one with this trait.
func (t trait) fits(ports map[openflow.PortNo]openflow.MAC) bool {
	mac, stands := ports[t.no]
	return t.known() && stands && mac == t.mac
}

// traitOf reads it from the database. What the switch has not filled in yet is left out.
func traitOf(snap *vswitch.Snapshot, bridge, tunnel string) (t trait) {
	for _, name := range []string{tunnel, bridge} {
		port, stands := snap.PortByName(bridge, name)
		if !stands {
			continue
		}
		for _, device := range snap.PortInterfaces(port) {
			if mac, err := tap.ParseMAC(device.MACInUse); err == nil && !mac.IsZero() && device.OFPort > 0 {
				t = trait{openflow.PortNo(device.OFPort), openflow.MAC(mac)}
			}
		}
		if t.no == localInDatabase {
			t.no = openflow.PortLocal
		}
		if t.known() {
			break
		}
	}
	return t
}

// localInDatabase is the number of a bridge's own port in ovs-vswitchd.conf.db(5), which is that of OpenFlow 1.0.
const localInDatabase = 0xfffe

// portsOf asks a switch for its ports.
func portsOf(ctx context.Context, conn *ofconn.Conn) (map[openflow.PortNo]openflow.MAC, error) {
	list, err := ofconn.List[openflow.PortDescReply](ctx, conn, openflow.PortDescRequest{})
	if err != nil {
		return nil, fmt.Errorf("list ports: %w", err)
	}
	ports := make(map[openflow.PortNo]openflow.MAC, len(list))
	for _, p := range list {
		ports[p.No] = p.HWAddr
	}
	return ports, nil
}

// followPort keeps the ports of a connection that is not known yet up to date.
func (c *switchConn) followPort(status *openflow.PortStatus) {
	if status.Reason == openflow.PortDeleted {
		delete(c.ports, status.Port.No)
	} else if len(c.ports) < maxPorts {
		c.ports[status.Port.No] = status.Port.HWAddr
	}
}

// maxPorts is how many ports a bridge can have (OpenFlow 1.0 numbers), and some.
const maxPorts = 1 << 16

const (
	// maxStrangers bounds the connections of a host that are not known yet. The oldest goes first.
	maxStrangers = 4
	// strangerTime is how long a connection may differ from a database that is open: a switch that has just started tells its
	// database what addresses its ports have within some 100 ms.
	strangerTime = 3 * time.Second
)

// present takes a new connection: into use if it is known, else among the strangers. It is false if the session has ended.
func (s *Session) present(c *switchConn) (ok bool) {
	s.reconsider(func() (more []*switchConn) {
		if ok = !s.ended; !ok {
			return nil
		}
		if s.strangers = append(s.strangers, c); len(s.strangers) > maxStrangers && !s.trait.fits(c.ports) {
			more, s.strangers = s.strangers[:1:1], slices.Clone(s.strangers[1:])
		}
		return more
	})
	return ok
}

// reconsider changes, under mu, what is known of connections, and looks again which is the host's. It closes the connections that this
// replaces, and those that change returns.
func (s *Session) reconsider(change func() []*switchConn) {
	s.mu.Lock()
	before := s.of
	unused := change()
	if s.recognise(); before != nil && s.of != before {
		unused = append(unused, before)
	}
	fresh := s.of != before
	s.mu.Unlock()
	for _, c := range unused {
		_ = c.conn.Close() // It returns nil.
	}
	if fresh {
		s.poke()
	}
}

// recognise takes the newest stranger into use that fits what the database shows, in place of the one in use: a switch
// makes another connection only when it has given up the one before. The caller holds mu.
func (s *Session) recognise() {
	for i := len(s.strangers) - 1; i >= 0; i-- {
		if c := s.strangers[i]; s.trait.fits(c.ports) {
			s.strangers = slices.Delete(slices.Clone(s.strangers), i, i+1)
			s.of = c
			s.forgetWays()
			s.log.Info("OpenFlow connected", "remote", c.conn.RemoteAddr())
			return
		}
	}
}

// learn takes in what the database shows.
func (s *Session) learn(now trait) {
	s.reconsider(func() []*switchConn {
		s.trait = now
		return nil
	})
}

// drop forgets a connection that has ended.
func (s *Session) drop(c *switchConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == c {
		s.of = nil
	}
	s.strangers = slices.DeleteFunc(slices.Clone(s.strangers), func(o *switchConn) bool { return o == c })
}

// missing says why there is no connection in use.
func (s *Session) missing() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	why := "the OpenFlow connection of bridge " + s.config.TapBridge + " is missing"
	if len(s.strangers) > 0 {
		why += fmt.Sprintf("; the one from %v is of a switch with other ports", s.strangers[0].conn.RemoteAddr())
	}
	return why
}

// strange reports whether a connection is not that of the host, for all that its open database shows.
func (s *Session) strange(c *switchConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of != c && s.connected && s.trait.known()
}

// certified checks the certificate of an OpenFlow connection, if it has one: it must be the host's by its name or, where it names
// no host at all, the one that the host's database shows.
func (s *Session) certified(conn *ofconn.Conn) error {
	state, secure := conn.TLS()
	if !secure || len(state.PeerCertificates) == 0 {
		return nil
	}
	shown := state.PeerCertificates[0]
	own, err := s.config.certified(shown)
	if own || err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peer != nil && !bytes.Equal(s.peer.Raw, shown.Raw) {
		return fmt.Errorf("certificate %q is not the one that the host's database shows, and does not name the host", shown.Subject.CommonName)
	}
	return nil
}

// certified asks the owner of the session. It is not own, and no error, where nobody can tell.
func (c *Config) certified(shown *x509.Certificate) (own bool, err error) {
	if c.Certified == nil {
		return false, nil
	}
	return c.Certified(shown)
}

// identify makes the OVSDB connection the one that certificates are held against, and nil no one.
func (s *Session) identify(peer *x509.Certificate, connected bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peer, s.connected = peer, connected
}
