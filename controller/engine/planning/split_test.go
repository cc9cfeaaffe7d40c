package planning

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/engine/intent"
	"github.com/tapline-sdn/tapline/controller/inventory"
	"github.com/tapline-sdn/tapline/controller/store"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

// connected are hosts that can be reached, by id.
type connected map[string]bool

func (connected) HostName(id string) string    { return "host-" + id }
func (c connected) Connected(host string) bool { return c[host] }

// TestSplitGuest: a guest that stands on two hosts for longer than a migration takes is disputed at
// both, until one place is gone. What is on a host that cannot be reached does not count.
func TestSplitGuest(t *testing.T) {
	port := func(host string) *inventory.Port {
		return &inventory.Port{Host: host, Bridge: "br0", Name: "vnet0", Guest: "g",
			MAC: tap.MAC{0x52, 0x54, 0, 0, 0, 1}}
	}
	synctest.Test(t, func(t *testing.T) {
		hosts := connected{"h1": true, "h2": true}
		places := inventory.NewPlaces(hosts)
		q := New(intent.New(), places, fakeHosts{}, nil, nil)
		var mu sync.Mutex // as the engine's
		revisited := 0
		q.Revisit = func(guest string, after time.Duration) {
			revisited++
			time.AfterFunc(after, func() {
				mu.Lock()
				defer mu.Unlock()
				q.MarkGuest(guest)
			})
		}
		plug := func(host string, before, now []*inventory.Port) {
			mu.Lock()
			defer mu.Unlock()
			places.ReplacePorts(before, now, func(inventory.Port) { q.MarkGuest("g") })
		}
		told := func() tap.NIC {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			change, any := q.Next()
			require.True(t, any)
			q.Answer(change.Revision)
			require.Len(t, change.Guests, 1)
			return change.Guests[0].NICs[0]
		}

		at1, at2 := []*inventory.Port{port("h1")}, []*inventory.Port{port("h2")}
		plug("h1", nil, at1)
		assert.Empty(t, told().Disputed)
		plug("h2", nil, at2)
		assert.Empty(t, told().Disputed, "it migrates")
		assert.Equal(t, 1, revisited)

		time.Sleep(migrationTime)
		synctest.Wait()
		nic := told()
		assert.Equal(t, "guest g stands at port vnet0 of host host-h1 and port vnet0 of host "+
			"host-h2 at once, for longer than a migration takes", nic.Disputed)
		assert.Len(t, nic.Locations, 2, "both are mirrored")

		hosts["h1"] = false
		q.MarkGuest("g")
		assert.Empty(t, told().Disputed, "nobody knows what is on h1 now")
		hosts["h1"] = true
		q.MarkGuest("g")
		assert.Empty(t, told().Disputed, "it counts from anew")

		plug("h1", at1, nil)
		assert.Empty(t, told().Disputed)
		assert.Empty(t, q.splits)
	})
}

// TestSplitOfNICs: the NICs of a guest that was learned are on one host; those of one that was
// declared need not be.
func TestSplitOfNICs(t *testing.T) {
	mac := func(n byte) tap.MAC { return tap.MAC{0x52, 0x54, 0, 0, 0, n} }
	for name, declared := range map[string]bool{"learned": false, "declared": true} {
		t.Run(name, func(t *testing.T) {
			places := inventory.NewPlaces(connected{"h1": true, "h2": true})
			places.ReplacePorts(nil, []*inventory.Port{
				{Host: "h1", Bridge: "br0", Name: "vnet0", Guest: "g", MAC: mac(1)},
				{Host: "h2", Bridge: "br0", Name: "vnet0", Guest: "g", MAC: mac(2)},
			}, func(inventory.Port) {})
			var record *store.Guest
			if declared {
				record = &store.Guest{NICs: []store.GuestNIC{{MAC: mac(1)}, {MAC: mac(2)}}}
			}

			guest, exists := places.Guest("g", record)
			require.True(t, exists)
			nics, _ := places.Split(&guest, declared)
			assert.Equal(t, declared, nics == nil)
		})
	}
}
