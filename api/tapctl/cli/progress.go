package cli

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// progressDelay is how long work may take before the terminal shows that it goes on.
const progressDelay = time.Second

// Working shows on a terminal that something takes long. The function that it returns ends that and
// clears the line; it must be called once.
func (a *App) Working(what string) (stop func()) {
	if !a.Live || a.verbose > 0 {
		return func() {}
	}

	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { a.showProgress(what, done) })

	return func() {
		close(done)
		running.Wait()
	}
}

// showProgress rewrites one line every second until done is closed.
func (a *App) showProgress(what string, done <-chan struct{}) {
	const clearLine = "\r\x1b[K"
	begin := time.Now()
	tick := time.NewTicker(progressDelay)
	defer tick.Stop()

	for shown := false; ; shown = true {
		select {
		case <-tick.C:
			elapsed := time.Since(begin).Round(time.Second)
			fmt.Fprintf(a.Err, "%s%s (%v)", clearLine, what, elapsed)
		case <-done:
			if shown {
				fmt.Fprint(a.Err, clearLine)
			}
			return
		}
	}
}

// progressTransport shows that a request takes long.
type progressTransport struct {
	next http.RoundTripper
	app  *App
}

// RoundTrip implements http.RoundTripper.
func (p *progressTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	what := "waiting for the controller"
	if req.URL.Query().Has("wait") {
		what = "waiting for the switches"
	}
	defer p.app.Working(what)()

	return p.next.RoundTrip(req)
}
