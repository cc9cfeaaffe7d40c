package session

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
	"github.com/tapline-sdn/tapline/ovsdb/client"
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
		port, stands := snap.PortOnBridge(bridge, name)
		if !stands {
			continue
		}
		for device := range snap.EachInterface(port) {
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

const (
	// maxArrivals bounds the connections of a host that are being asked for their ports. The oldest goes first: a switch answers within
	// a round trip.
	maxArrivals = 16
	// maxStrangers bounds those that have other ports than the database shows. More are refused: the host's own switch needs no
	// place among them when it comes again.
	maxStrangers = 4
	// strangerTime is how long such a one may stay while the database is open: a switch that has just started tells its database
	// what addresses its ports have within some 100 ms.
	strangerTime = 3 * time.Second
	// maxPortList bounds what is read of the ports of a connection that may be anybody's, in bytes; a port has 64.
	maxPortList = 1 << 20
	maxPorts    = maxPortList / 64
)

// errSession says that the session has ended.
var errSession = errors.New("the host is no longer kept")

// meet returns nil as soon as a connection is known to be that of the host's switch.
func (s *Session) meet(ctx context.Context, c *switchConn) error {
	if err := s.arrive(c); err != nil {
		return err
	}
	defer s.drop(c)
	if err := c.askPorts(ctx); err != nil {
		return err
	}
	if err := s.present(c); err != nil {
		return err
	}
	strange := time.NewTicker(strangerTime)
	defer strange.Stop()
	for {
		select {
		case <-c.known:
			return nil
		case events, open := <-c.conn.Events():
			if !open {
				return c.conn.Err()
			}
			for _, event := range events {
				if status, is := event.Message.(*openflow.PortStatus); is {
					s.followPort(c, status)
				}
			}
		case <-strange.C:
			if s.comparable() {
				return errors.New("it claims to be the host's tap bridge, and its ports are not those of the host's database")
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// arrive takes a connection among the arrivals.
func (s *Session) arrive(c *switchConn) error {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return errSession
	}
	s.arrived++
	c.number = s.arrived
	s.arrivals = append(s.arrivals, c)
	var oldest *switchConn
	if len(s.arrivals) > maxArrivals {
		oldest = s.arrivals[0]
		s.arrivals = slices.Delete(s.arrivals, 0, 1)
	}
	s.mu.Unlock()
	if oldest != nil {
		_ = oldest.conn.Close() // It returns nil.
	}
	return nil
}

// askPorts asks a switch for its ports.
func (c *switchConn) askPorts(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	parts, err := c.conn.MultipartAtMost(ctx, openflow.PortDescRequest{}, maxPortList)
	if err != nil {
		return fmt.Errorf("list ports: %w", err)
	}
	c.ports = map[openflow.PortNo]openflow.MAC{}
	for _, part := range parts {
		ports, _ := part.(openflow.PortDescReply)
		for _, p := range ports {
			c.ports[p.No] = p.HWAddr
			c.followConfig(p, false)
		}
	}
	return nil
}

// present recognises an arrival, or takes it among the strangers.
func (s *Session) present(c *switchConn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errSession
	}
	s.arrivals = without(s.arrivals, c)
	s.strangers = append(s.strangers, c)
	s.recognise()
	if len(s.strangers) > maxStrangers {
		return fmt.Errorf("it claims to be the host's tap bridge, and so do %d others whose ports are not those of the host's database", maxStrangers)
	}
	return nil
}

// followPort keeps the ports of a stranger up to date.
func (s *Session) followPort(c *switchConn, status *openflow.PortStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.followConfig(status.Port, status.Reason == openflow.PortDeleted)
	if status.Reason == openflow.PortDeleted {
		delete(c.ports, status.Port.No)
	} else if len(c.ports) < maxPorts {
		c.ports[status.Port.No] = status.Port.HWAddr
	}
	s.recognise()
}

// learn takes in what the database shows.
func (s *Session) learn(now trait) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trait = now
	s.recognise()
}

// recognise tells the newest stranger that fits what the database shows. The caller holds mu.
func (s *Session) recognise() {
	for i := len(s.strangers) - 1; i >= 0; i-- {
		if c := s.strangers[i]; s.trait.fits(c.ports) {
			s.strangers = without(s.strangers, c)
			close(c.known)
			return
		}
	}
}

// adopt takes a known connection into use in place of an older one: a switch makes another connection only when it has given up the
// one before.
func (s *Session) adopt(c *switchConn) error {
	s.mu.Lock()
	older := s.of
	switch {
	case s.ended:
		s.mu.Unlock()
		return errSession
	case older != nil && older.number > c.number:
		s.mu.Unlock()
		return errors.New("the switch has made another one meanwhile")
	}
	s.of = c
	s.forgetWays()
	s.mu.Unlock()
	if older != nil {
		_ = older.conn.Close() // It returns nil.
	}
	return nil
}

// drop forgets a connection.
func (s *Session) drop(c *switchConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == c {
		s.of = nil
	}
	s.arrivals, s.strangers = without(s.arrivals, c), without(s.strangers, c)
}

func without(list []*switchConn, c *switchConn) []*switchConn {
	return slices.DeleteFunc(list, func(o *switchConn) bool { return o == c })
}

// comparable reports whether there is an open database to hold a stranger against.
func (s *Session) comparable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used != nil && s.trait.known()
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
	if s.used == nil {
		return nil
	}
	if peer := s.used.PeerCertificate(); peer != nil && !bytes.Equal(peer.Raw, shown.Raw) {
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

// use makes an OVSDB connection the one that is in use, and that certificates are held against; nil is none.
func (s *Session) use(conn *client.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = conn
}
