package page

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/testenv/browser"
)

// TestViews looks at every view in both themes and at several widths.
func TestViews(t *testing.T) {
	s := newSite(t)
	s.furnish(t)
	s.login(t, adminToken)
	s.See(t, ".summary", "1 host")
	flow, err := s.api.TapFlows().Get(t.Context(), "web")
	require.NoError(t, err)

	views := []struct{ hash, selector, text string }{
		{"map", ".box-title", "h1"},
		{"flows", "td", "web"},
		{"flows/" + flow.ID, "h2", "Path"},
		{"services", "td", "ids"},
		{"services/ids", "h2", "Path"},
		{"hosts", "td", "h1"},
		{"hosts/h1", "dd", "192.0.2.1"},
		{"guests", "td", evil},
		{"guests/guest-2", "h1", evil},
		{"new?guest=guest-2", ".chosen", evil},
		{"new-service", "label", "Service name"},
		{"packets?guest=guest-2", ".chosen", evil},
		{"admin", "td", "plugin"},
	}
	for i, v := range views {
		s.Eval(t, fmt.Sprintf(`location.hash = '#/%s'`, v.hash), nil)
		s.See(t, v.selector, v.text)
		s.Dark(t, i%2 == 0)
		s.CheckAccess(t, v.hash)
		s.Dark(t, i%2 == 1)
		s.CheckAccess(t, v.hash)

		for _, width := range []int64{360, 2560} {
			s.Size(t, width, 800)
			s.Until(t, fmt.Sprintf("%s fits into %d pixels", v.hash, width),
				`document.documentElement.scrollWidth <= innerWidth`)
		}
		s.Size(t, 1280, 900)
	}

	var images int
	s.Eval(t, `document.querySelectorAll('img').length`, &images)
	require.Zero(t, images, "a name became HTML")
}

// TestManyFlows searches, sorts and pages through 10,000 tap flows.
func TestManyFlows(t *testing.T) {
	b := browser.Start(t)
	openCloud(t, b, newCloud(10, 100, 10_000))
	b.Click(t, "nav a", "Tap flows")
	b.See(t, ".summary", "10,000")
	b.Click(t, "button", "Last")
	b.See(t, ".pager", "Page 200 of 200")
	b.Click(t, "th button", "Name")
	b.See(t, "td", "tap9999")
	b.See(t, ".pager", "Page 1 of 200")

	b.Type(t, "#search", "tap99 status:error")
	b.See(t, ".summary", "20 of 10,000")
	b.Click(t, "input", "Select this page")
	b.See(t, ".bulk", "20 selected")
	b.Type(t, "#search", "status:error")
	b.Click(t, ".bulk button", "Select all")
	b.See(t, ".bulk", "1,667 selected")
}

// TestBulk changes several tap flows at once, and takes it back.
func TestBulk(t *testing.T) {
	s := newSite(t)
	s.furnish(t)
	for i := range 12 {
		_, err := s.api.TapFlows().Create(t.Context(), api.TapFlowCreate{Type: "vnic",
			TapID: "ids", Name: fmt.Sprintf("many-%02d", i), GuestID: "guest-0",
			Filter: fmt.Sprint("port ", i+1)})
		require.NoError(t, err)
	}
	s.openFlows(t, adminToken)

	s.Type(t, "#search", "many-")
	s.See(t, ".summary", "12 of 14")
	s.Click(t, "input", "Select this page")
	s.Click(t, ".bulk button", "Disable")
	s.See(t, "dialog li", "many-00")
	s.CheckAccess(t, "a question")
	s.Click(t, "dialog button", "Disable")
	s.See(t, ".notice", "12 tap flows disabled")
	s.See(t, "td", "disabled")
	s.Click(t, ".notice button", "Undo")
	s.See(t, ".notice", "12 tap flows put back")
	s.SeeNot(t, "td", "disabled")

	s.Click(t, ".bulk button", "Delete")
	s.Click(t, "dialog button", "Delete")
	s.See(t, ".summary", "0 of 2")
	s.Click(t, ".notice button", "Undo")
	s.See(t, ".summary", "12 of 14")
	flow, err := s.api.TapFlows().Get(t.Context(), "many-07")
	require.NoError(t, err)
	require.True(t, flow.Enabled)
	require.Equal(t, "port 8", flow.Filter)
}

// TestKeyboard logs in and opens a tap flow without a mouse.
func TestKeyboard(t *testing.T) {
	s := newSite(t)
	s.furnish(t)
	s.Open(t, s.url)
	s.Until(t, "focus on the token", `document.activeElement.id === 'token'`)
	s.Press(t, adminToken+kb.Enter)
	s.See(t, ".box-title", "h1")

	s.Eval(t, `document.querySelector('.box-host').focus()`, nil)
	s.Press(t, kb.Enter)
	s.Until(t, "the host is unfolded",
		`document.activeElement.getAttribute('aria-expanded') === 'true'`)
	s.Press(t, kb.ArrowRight)
	s.Until(t, "the service has the focus",
		`document.activeElement.getAttribute('aria-label').startsWith('service ids')`)
	s.Press(t, kb.Enter)
	s.See(t, "h1", "ids")
}

// TestRoles shows that a viewer is offered nothing that he may not do.
func TestRoles(t *testing.T) {
	s := newSite(t)
	s.furnish(t)
	made, err := s.api.Tokens().Create(t.Context(), api.TokenCreate{Name: "eve", Role: "viewer"})
	require.NoError(t, err)
	s.login(t, made.Secret)
	s.See(t, ".who", "viewer")

	s.SeeNot(t, "nav a", "Packets")
	s.Click(t, "nav a", "Tap flows")
	s.See(t, "td", "web")
	s.SeeNot(t, "a", "Mirror a guest")
	s.SeeNot(t, "input[type=checkbox]", "")
	s.Click(t, "td a", "web")
	s.See(t, "h2", "Path")
	s.SeeNot(t, "button", "Disable")
	s.SeeNot(t, "h2", "History")
	s.Click(t, "nav a", "Admin")
	s.See(t, "h2", "Plugins")
	s.SeeNot(t, "h2", "Tokens")
}

// TestPicture saves the map as a file that a browser can show, and that has no foreign content.
func TestPicture(t *testing.T) {
	s := newSite(t)
	s.furnish(t)
	s.login(t, adminToken)
	s.See(t, ".box-title", "h1")
	s.Eval(t, `URL.createObjectURL = (make => blob => {
		blob.slice(0, 4).arrayBuffer().then(b => {
			window.saved = String.fromCharCode(...new Uint8Array(b)).slice(-3); });
		return make(blob);
	})(URL.createObjectURL.bind(URL)); 0`, nil)
	for _, tc := range [][2]string{{"SVG", "svg"}, {"PNG", "PNG"}} {
		s.Click(t, "button", "Save as "+tc[0])
		s.Until(t, tc[0], fmt.Sprintf(`window.saved === %q`, tc[1]))
	}
}
