package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/web"
	"github.com/tapline-sdn/tapline/testenv/browser"
)

// cloud is what a controller of a large cloud would tell. It has no controller: it answers what the
// page reads.
type cloud struct {
	hosts    []api.Host
	guests   []api.Guest
	services []api.TapService
	flows    []api.TapFlow
}

// newCloud makes up a cloud, in racks of ten hosts.
func newCloud(hosts, guests, flows int) *cloud {
	c := &cloud{}
	for i := range hosts {
		c.hosts = append(c.hosts, api.Host{ID: fmt.Sprintf("host-%d", i),
			Name: fmt.Sprintf("h%d", i), Status: api.Ready, Connected: true,
			OVSVersion: "3.1.0", TunnelIP: "192.0.2.1",
			Bridges: []string{"br0", "brtap"}, Wires: map[string]string{"net0": "br0"},
			NICs: []api.HostNIC{}, MayStillCopy: []string{}, Lacks: []api.HostLack{},
			Labels: map[string]string{"rack": fmt.Sprintf("r%d", i/10)}})
	}

	for i := range guests {
		h := c.hosts[i%hosts]
		c.guests = append(c.guests, api.Guest{ID: fmt.Sprintf("guest-%d", i),
			Name: fmt.Sprintf("vm%d", i), HostID: h.ID, Host: h.Name,
			Labels: map[string]string{"app": fmt.Sprintf("a%d", i%7)},
			NICs: []api.GuestNIC{{MAC: fmt.Sprintf("52:54:00:00:%02x:%02x", i/256, i%256),
				IPAddrs: []string{fmt.Sprintf("10.0.%d.%d", i/256, i%256)}, HostID: h.ID,
				Host: h.Name, Bridge: "br0", Port: fmt.Sprintf("vnet%d", i)}}})
	}

	for i := range 8 {
		h := c.hosts[i%hosts]
		c.services = append(c.services, api.TapService{ID: fmt.Sprintf("service-%d", i),
			Name: fmt.Sprintf("ids%d", i), Type: "guest", Status: api.Ready, Enabled: true,
			HostID: h.ID, HostName: h.Name, TargetIPs: []string{}, Members: []string{},
			MemberNames: []string{}, Labels: map[string]string{}})
	}

	statuses := []api.Status{api.Ready, api.Ready, api.Ready, api.Error, api.Pending,
		api.Disabled}
	for i := range flows {
		g, s := c.guests[i%guests], c.services[i%len(c.services)]
		f := api.TapFlow{ID: fmt.Sprintf("flow-%d", i), Name: fmt.Sprintf("tap%d", i),
			Type: "vnic", GuestID: g.ID, GuestName: g.Name, TapID: s.ID, TapName: s.Name,
			Direction: "BOTH", VLAN: "keep", Labels: map[string]string{},
			Status: statuses[i%len(statuses)], Enabled: true}
		f.Counters.Captured.BitsPerSecond = float64(i) * 1e5
		c.flows = append(c.flows, f)
	}
	return c
}

// serve offers the cloud and the page, and returns the page's URL.
func (c *cloud) serve(t *testing.T, b *browser.Browser) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/ui/", web.Handler())
	mux.HandleFunc("/api/v1/whoami", func(w http.ResponseWriter, _ *http.Request) {
		tell(w, api.Identity{Type: "token", ID: "x", Name: "eve", Role: "admin"})
	})
	mux.HandleFunc("/api/v1/tap_flows", func(w http.ResponseWriter, _ *http.Request) {
		tell(w, api.TapFlowList{TapFlows: c.flows, Total: len(c.flows)})
	})
	mux.HandleFunc("/api/v1/tap_services", func(w http.ResponseWriter, _ *http.Request) {
		tell(w, api.TapServiceList{TapServices: c.services, Total: len(c.services)})
	})
	mux.HandleFunc("/api/v1/watch", c.watch)

	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		b.Leave(t)
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL + "/ui/"
}

func tell(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// watch tells all that exists, and then nothing.
func (c *cloud) watch(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(kind api.EventType, o api.Object) {
		data, _ := json.Marshal(api.Event{Type: kind, Object: o})
		_, _ = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, data)
	}
	for _, v := range c.hosts {
		send(api.Current, v)
	}
	for _, v := range c.guests {
		send(api.Current, v)
	}
	for _, v := range c.services {
		send(api.Current, v)
	}
	for _, v := range c.flows {
		send(api.Current, v)
	}
	send(api.Synced, nil)
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// openCloud logs in to a made up cloud.
func openCloud(t *testing.T, b *browser.Browser, c *cloud) {
	t.Helper()
	b.Open(t, c.serve(t, b))
	b.Type(t, "#token", "any")
	b.Click(t, "button", "Log in")
	b.See(t, ".live", "Live")
}

// TestMapIsSmooth pans over 300 hosts, 3,000 guests and 500 tap flows, all unfolded, and counts the
// frames.
func TestMapIsSmooth(t *testing.T) {
	b := browser.Start(t)
	openCloud(t, b, newCloud(300, 3000, 500))
	b.See(t, ".summary", "300 hosts, 3,000 guests, 500 tap flows")
	var boxes int
	b.Eval(t, `document.querySelectorAll('.box').length`, &boxes)
	require.Equal(t, 30+8, boxes, "many hosts are grouped by the label rack")

	b.Click(t, "button", "Unfold all")
	b.Until(t, "all unfolded", `document.querySelectorAll('.box').length > 3000`)
	b.Eval(t, `document.querySelectorAll('.box').length`, &boxes)
	require.Equal(t, 30+300+300*2+3000+8, boxes)

	var took []float64 // ms from frame to frame
	begin := time.Now()
	b.Eval(t, `new Promise(done => {
		const svg = document.querySelector('.map'), took = [];
		let last = performance.now(), x = 300;
		const send = (type) => svg.dispatchEvent(new PointerEvent(type,
			{clientX: x, clientY: 400, buttons: 1, pointerId: 1, bubbles: true}));
		svg.setPointerCapture = () => {};
		send('pointerdown');
		const frame = (now) => {
			took.push(now - last);
			last = now;
			x += 7;
			send('pointermove');
			if (took.length < 30) requestAnimationFrame(frame);
			else { send('pointerup'); done(took.slice(1)); }
		};
		requestAnimationFrame(frame);
	})`, &took)
	slices.Sort(took)
	t.Logf("%d frames in %v, %.1f ms in the middle", len(took), time.Since(begin),
		took[len(took)/2])
	require.Less(t, took[0], 100.0, "ms of the fastest frame")
}
