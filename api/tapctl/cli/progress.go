package cli

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tapline-sdn/tapline/api/tapctl/format"
)

// progressDelay is how long work may take before the terminal shows that it goes on.
const progressDelay = time.Second

// Working shows on a terminal that something takes long. The function that it returns ends that and
// clears the line; it must be called once.
func (a *App) Working(what string) (stop func()) {
	p := a.Progress()
	p.Set("%s", what)
	return p.Stop
}

// Progress is a line on a terminal that says what goes on, once it takes long.
type Progress struct {
	app    *App
	done   chan struct{}
	writer sync.WaitGroup // the goroutine that writes the line

	mu   sync.Mutex
	text string
}

// Progress begins to show what goes on. The caller stops it once. Only the outermost of several
// that run at the same time is shown.
func (a *App) Progress() *Progress {
	p := &Progress{app: a, done: make(chan struct{})}
	isShown := a.Live && a.verbose == 0 && a.progressing.CompareAndSwap(false, true)
	if isShown {
		p.writer.Go(func() {
			defer a.progressing.Store(false)
			p.show()
		})
	}
	return p
}

// Set says what goes on.
func (p *Progress) Set(text string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = format.Printable(fmt.Sprintf(text, args...))
}

// Stop clears the line.
func (p *Progress) Stop() {
	close(p.done)
	p.writer.Wait()
}

// show rewrites the line every second until it is stopped.
func (p *Progress) show() {
	const clearLine = "\r\x1b[K"
	begin := time.Now()
	tick := time.NewTicker(progressDelay)
	defer tick.Stop()

	for shown := false; ; shown = true {
		select {
		case <-tick.C:
			p.mu.Lock()
			text := p.text
			p.mu.Unlock()
			elapsed := time.Since(begin).Round(time.Second)
			fmt.Fprintf(p.app.Err, "%s%s (%v)", clearLine, text, elapsed)
		case <-p.done:
			if shown {
				fmt.Fprint(p.app.Err, clearLine)
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
