//go:build linux

package e2e

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/testenv/browser"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

// pageStage is a lab with two hosts, of which the first has the guests, and a page in a browser.
type pageStage struct {
	*world
	*browser.Browser
	web, db *lab.Guest
	token   string
	url     string // of the page, as a proxy offers it under a path
}

func newPageStage(t *testing.T) *pageStage {
	t.Helper()
	b := browser.Start(t)
	s := &pageStage{Browser: b, world: newWorld(t, 2, 2)}
	s.web, s.db = s.guest(t, s.Hosts[0], "web"), s.guest(t, s.Hosts[0], "db")
	s.guestSink(t, s.guest(t, s.Hosts[1], "ids"), "brtap")

	text, err := os.ReadFile(filepath.Join(s.dataDir, "admin.token"))
	must(t, err)
	s.token = strings.TrimSpace(string(text))

	target, err := url.Parse(s.server)
	must(t, err)
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Transport: s.http,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		}}
	offered := httptest.NewServer(http.StripPrefix("/ops/tapline", proxy))
	t.Cleanup(func() {
		s.Leave(t)
		offered.CloseClientConnections()
		offered.Close()
	})
	s.url = offered.URL + "/ops/tapline/ui/"
	return s
}

func (s *pageStage) login(t *testing.T, token string) {
	t.Helper()
	s.Type(t, "#token", token)
	s.Click(t, "button", "Log in")
}

// chatter has the web guest send frames until the test ends.
func (s *pageStage) chatter(t *testing.T) {
	t.Helper()
	frames := numbered(s.web.MAC(), s.db.MAC(), 0, 200, 200, 200)
	end := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				send(t, s.web, frames...)
			}
		}
	})
	t.Cleanup(func() {
		close(end)
		sending.Wait()
	})
}

// TestPage does in a browser what an operator does in a day, on real switches.
func TestPage(t *testing.T) {
	s := newPageStage(t)
	s.Expect("401") // after a wrong token
	s.Expect("400") // for a wrong filter
	s.chatter(t)

	s.Open(t, s.url)
	s.login(t, "wrong")
	s.See(t, ".problem", "does not accept this token")
	s.login(t, s.token)
	s.See(t, ".live", "Live")
	s.See(t, ".box-title", s.Hosts[1].Name)

	s.mirrorsGuest(t)
	s.showsRate(t)
	s.showsPackets(t)
	s.showsBreak(t)
	s.outlivesController(t)

	s.Click(t, ".title button", "Delete")
	s.Click(t, "dialog button", "Delete")
	s.See(t, ".notice", "1 tap flow deleted")

	s.Click(t, "button", "Log out")
	s.See(t, "label", "Token")
	s.expires(t)
}

// mirrorsGuest mirrors a guest, which is found by its MAC address, with a filter.
func (s *pageStage) mirrorsGuest(t *testing.T) {
	t.Helper()
	s.Click(t, "nav a", "Tap flows")
	s.Click(t, "a", "Mirror a guest")
	s.Type(t, ".create input[type=search]", s.web.MAC().String())
	s.Click(t, ".results button", s.web.MAC().String())
	s.See(t, ".plan summary", "on 2 switches")

	s.Type(t, "input.mono", "ether src aa:bb:cc:dd:ee:ff or udp prt 9")
	s.See(t, ".filter-place mark", "prt")
	s.See(t, ".plan", "The filter is not right yet")
	s.Type(t, "input.mono", "ether src "+s.web.MAC().String())
	s.See(t, ".filter-message", "Switches can match this")
	s.CheckAccess(t, "a plan")

	s.Click(t, "button", "Mirror")
	s.See(t, "h2", "Path")
	s.See(t, ".standing .badge", "ready")
	s.See(t, "dd", "ether src")
}

// showsRate waits until the page shows what flows.
func (s *pageStage) showsRate(t *testing.T) {
	t.Helper()
	s.Until(t, "a rate", `[...document.querySelectorAll('h2')].some(
		e => /^Counters: [1-9].* kbit\/s/.test(e.textContent))`)
	s.See(t, ".hop", "destination")
	s.CheckAccess(t, "a tap flow")

	s.Click(t, "nav a", "Map")
	s.See(t, ".link-text", "kbit/s")
	s.CheckAccess(t, "map")
}

// showsPackets captures live, looks at a packet, pauses, and saves a file that others can read.
func (s *pageStage) showsPackets(t *testing.T) {
	t.Helper()
	s.Click(t, "nav a", "Tap flows")
	s.Click(t, "td a", "")
	s.Click(t, ".buttons a", "Packets")
	s.Click(t, ".packets button", "Start")
	s.Until(t, "packets", `document.querySelectorAll('.packets tbody tr').length > 5`)
	s.Click(t, ".packets button", "Pause")
	s.Click(t, ".packets tbody button", "")
	s.See(t, "h3", "Ethernet")
	s.See(t, "dd", s.web.MAC().String())
	s.CheckAccess(t, "packets")
	s.Click(t, ".packets button", "Stop")

	s.Eval(t, `URL.createObjectURL = (make => blob => {
		const reader = new FileReader();
		reader.onload = () => { window.saved = reader.result.split(',')[1]; };
		reader.readAsDataURL(blob);
		return make(blob);
	})(URL.createObjectURL.bind(URL)); 0`, nil)
	s.Click(t, ".packets button", "Save as pcapng")
	s.Until(t, "a saved file", `window.saved`)
	var saved string
	s.Eval(t, `window.saved`, &saved)
	text, err := base64.StdEncoding.DecodeString(saved)
	must(t, err)

	file, err := pcapgo.NewNgReader(bytes.NewReader(text), pcapgo.DefaultNgReaderOptions)
	must(t, err)
	source := s.web.MAC()
	for range 5 {
		data, _, err := file.ReadPacketData()
		must(t, err)
		if !bytes.Equal(data[6:12], source[:]) {
			t.Errorf("the file has a packet % x of somebody else", data)
		}
	}
}

// showsBreak cuts the underlay, reads why nothing arrives and what to do, and repairs it.
func (s *pageStage) showsBreak(t *testing.T) {
	t.Helper()
	s.Click(t, "nav a", "Tap flows")
	s.Click(t, "td a", "")
	s.See(t, ".standing .badge", "ready")

	must(t, s.Hosts[1].SetLink(lab.UnderlayUplink, false))
	s.SeeNot(t, ".standing .badge", "ready")
	s.See(t, ".standing .reason", "")
	s.See(t, ".hop .problem", "")

	must(t, s.Hosts[1].SetLink(lab.UnderlayUplink, true))
	s.See(t, ".standing .badge", "ready")
}

// outlivesController ends the controller and starts it again. The page says so meanwhile.
func (s *pageStage) outlivesController(t *testing.T) {
	t.Helper()
	s.Expect("502")
	s.Expect("503")
	s.Expect("ERR_INCOMPLETE_CHUNKED_ENCODING")
	s.stop(t, syscall.SIGTERM)
	s.See(t, ".live", "Not live")
	s.start(t)
	s.See(t, ".live", "Live")
	s.See(t, ".standing .badge", "ready")
}

// expires logs in with a token that is over soon.
func (s *pageStage) expires(t *testing.T) {
	t.Helper()
	soon := time.Now().Add(5 * time.Second)
	made, err := s.api.Tokens().Create(deadline(t),
		api.TokenCreate{Name: "brief", Role: "viewer", ExpiresAt: &soon})
	must(t, err)
	s.login(t, made.Secret)
	s.See(t, ".who", "brief (viewer)")
	s.See(t, ".problem", "does not accept your token any more")
}
