package engine

import (
	"context"
	"net"
	"net/netip"

	"github.com/tapline-sdn/tapline/controller/engine/fleet"
	"github.com/tapline-sdn/tapline/openflow/ofconn"
)

// AcceptOpenFlow passes a switch's connection to the session of its host, and returns when the
// connection ends.
func (e *Engine) AcceptOpenFlow(ctx context.Context, conn *ofconn.Conn) {
	if h := e.ofSwitch(conn); h != nil {
		h.Session.ServeOpenFlow(ctx, conn)
	}
}

// ofSwitch is the host whose tap bridge has made a connection; nil if there is none.
func (e *Engine) ofSwitch(conn *ofconn.Conn) *fleet.Host {
	dpid := conn.Features().DatapathID
	e.mu.Lock()
	defer e.mu.Unlock()
	h := e.fleet.ByDatapath(dpid)
	if h == nil {
		e.log.Warn("OpenFlow connection of a switch that is not registered", "remote",
			conn.RemoteAddr(), "datapath_id", dpid)
	}
	return h
}

// AcceptOVSDB gives a connection that a host made to us to its session: that of the host with the
// remote address in its OVSDB target, or as tunnel_ip. It reports whether there is one; if not, the
// caller closes the connection.
func (e *Engine) AcceptOVSDB(nc net.Conn) bool {
	remote, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return false
	}

	from := remote.Addr().Unmap().WithZone("")
	e.mu.Lock()
	defer e.mu.Unlock()

	h := e.fleet.ByAddr(from)
	return h != nil && h.Session.Offer(nc)
}
