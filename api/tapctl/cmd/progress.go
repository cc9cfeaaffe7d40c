package cmd

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// quiet is how long work may take before it shows that it goes on.
const quiet = time.Second

// working shows on a terminal, once it takes long, that something goes on; stop takes it off the screen again.
func (a *App) working(what string) (stop func()) {
	if !a.Live || a.verbose > 0 {
		return func() {}
	}
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		begin := time.Now()
		tick := time.NewTicker(quiet)
		defer tick.Stop()
		shown := false
		for {
			select {
			case <-tick.C:
				shown = true
				fmt.Fprintf(a.Err, "\r\x1b[K%s (%v)", what, time.Since(begin).Round(time.Second))
			case <-done:
				if shown {
					fmt.Fprint(a.Err, "\r\x1b[K")
				}
				return
			}
		}
	})
	return func() {
		close(done)
		running.Wait()
	}
}

// patient shows that a request takes long.
type patient struct {
	next http.RoundTripper
	app  *App
}

// RoundTrip implements http.RoundTripper.
func (p *patient) RoundTrip(req *http.Request) (*http.Response, error) {
	what := "waiting for the controller"
	if req.URL.Query().Has("wait") {
		what = "waiting for the switches"
	}
	defer p.app.working(what)()
	return p.next.RoundTrip(req)
}
