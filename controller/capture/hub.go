package capture

import (
	"fmt"
	"sync"

	"github.com/tapline-sdn/tapline/openflow"
)

// LimitError says that there is no room for another capture.
type LimitError struct{ text string }

// Error implements error.
func (e *LimitError) Error() string { return e.text }

// Hub holds the captures that run. It is safe for concurrent use.
type Hub struct {
	mu     sync.RWMutex
	byID   map[string]*Capture
	on     map[string]map[string]bool // hosts on which a capture is: id of the capture -> hosts
	routes map[route]*Capture
}

// route is where packets come from: a host, and the flow of its switch that has sent them.
type route struct {
	host   string
	cookie openflow.Cookie
}

// NewHub returns a hub without captures.
func NewHub() *Hub {
	return &Hub{byID: map[string]*Capture{}, on: map[string]map[string]bool{},
		routes: map[route]*Capture{}}
}

// Begin takes a capture among those that run, until [Hub.Remove]. A [*LimitError] says that there
// is no room.
func (h *Hub) Begin(r Request) (*Capture, error) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if len(h.byID) >= MaxInAll {
		return nil, &LimitError{fmt.Sprintf("%d captures are running, and there is room for no "+
			"more", MaxInAll)}
	}
	own := 0
	for _, c := range h.byID {
		if c.Request.Owner == r.Owner {
			own++
		}
	}
	if own >= MaxOfOne {
		return nil, &LimitError{fmt.Sprintf("you have %d captures running, and may have no more",
			own)}
	}

	c := New(r)
	h.byID[c.ID] = c
	return c, nil
}

// Place notes the hosts on which a capture is. A [*LimitError] says that one of them has no room.
func (h *Hub) Place(c *Capture, hosts []string, name func(host string) string) error {
	h.mu.Lock()
	defer h.mu.Unlock()

	for _, host := range hosts {
		others, rate := 0, c.Request.Rate
		for id, at := range h.on {
			if id != c.ID && at[host] {
				others++
				rate += h.byID[id].Request.Rate
			}
		}

		switch {
		case others >= MaxOnHost:
			return &LimitError{fmt.Sprintf("host %s has %d captures, and takes no more",
				name(host), others)}
		case rate > MaxRate:
			return &LimitError{fmt.Sprintf("the captures of host %s would have %d packets a "+
				"second together, and %d are the most: ask for a lower rate_limit", name(host),
				rate, MaxRate)}
		}
	}

	at := map[string]bool{}
	for _, host := range hosts {
		at[host] = true
	}
	h.on[c.ID] = at
	return nil
}

// Remove forgets a capture.
func (h *Hub) Remove(c *Capture) {
	h.mu.Lock()
	defer h.mu.Unlock()

	delete(h.byID, c.ID)
	delete(h.on, c.ID)
	for at, to := range h.routes {
		if to == c {
			delete(h.routes, at)
		}
	}
}

// Get returns a capture that runs, or nil.
func (h *Hub) Get(id string) *Capture {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.byID[id]
}

// Route returns the capture for packets that a flow of a host's switch sends; nil if it is not
// known.
func (h *Hub) Route(host string, cookie openflow.Cookie) *Capture {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.routes[route{host, cookie}]
}

// SetRoute notes which capture packets are for that a flow of a host's switch sends.
func (h *Hub) SetRoute(host string, cookie openflow.Cookie, c *Capture) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byID[c.ID] == c {
		h.routes[route{host, cookie}] = c
	}
}

// Each calls visit for each capture that runs.
func (h *Hub) Each(visit func(*Capture)) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, c := range h.byID {
		visit(c)
	}
}
