package selection

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/selector"
	"github.com/tapline-sdn/tapline/controller/sets"
	"github.com/tapline-sdn/tapline/plugin/tap"
)

func parse(t testing.TB, text string) selector.Selector {
	t.Helper()
	s, err := selector.Parse(text)
	require.NoError(t, err, text)
	return s
}

func mac(n int) tap.MAC { return tap.MAC{0x52, 0x54, 0, 0, byte(n >> 8), byte(n)} }

func guest(id, name string, labels map[string]string, nics ...NIC) *Guest {
	return &Guest{ID: id, Guest: selector.Guest{Name: name, Labels: labels}, NICs: nics}
}

func nic(n int, host, wire, addr string) NIC {
	return NIC{MAC: mac(n), NIC: selector.NIC{
		Hosts: []string{host}, Wires: []string{wire},
		Addrs: []netip.Addr{netip.MustParseAddr(addr)},
	}}
}

// TestMembers: a guest that comes, is renamed, moves and goes; what is said of a NIC holds for that
// NIC alone.
func TestMembers(t *testing.T) {
	x := New()
	x.PutFlow("web", parse(t, "name=web-*,net=10.0.0.0/24"), nil)
	x.PutFlow("all", parse(t, "!label.private"), sets.Set{"collector": {}})

	two := []NIC{nic(1, "h1", "net0", "10.0.0.1"), nic(2, "h1", "mgmt", "192.0.2.1")}
	web1, all1, all2 := Member{"web", "g", mac(1)}, Member{"all", "g", mac(1)},
		Member{"all", "g", mac(2)}
	assert.Equal(t, []Change{{all1, false}, {all2, false}, {web1, false}},
		x.PutGuest(guest("g", "web-1", nil, two...)))
	assert.Empty(t, x.PutGuest(guest("g", "web-2", nil, two...)), "it matches as before")
	assert.Equal(t, []Change{{web1, true}}, x.PutGuest(guest("g", "db-1", nil, two...)))
	assert.Equal(t, []Change{{all1, true}, {all2, true}},
		x.PutGuest(guest("g", "db-1", map[string]string{"private": ""}, two...)))
	assert.Equal(t, []Change{{all1, false}, {web1, false}},
		x.PutGuest(guest("g", "web-1", nil, two[0])))

	assert.Empty(t, x.PutGuest(guest("collector", "c", nil, nic(9, "h1", "net0", "10.0.0.9"))))
	assert.Equal(t, []Change{{Member{"all", "collector", mac(9)}, false}},
		x.PutFlow("all", parse(t, "!label.private"), nil), "another guest collects now")

	assert.Equal(t, []Change{{all1, true}, {web1, true}}, x.RemoveGuest("g"))
	assert.Equal(t, []Change{{Member{"all", "collector", mac(9)}, true}}, x.RemoveFlow("all"))
	assert.Empty(t, x.Members("web"))
}

// full computes the members of a tap flow anew.
func full(id string, s selector.Selector, excluded sets.Set, guests map[string]*Guest) []Member {
	f := &flow{selector: s, excluded: excluded}
	members := map[Member]struct{}{}
	for _, g := range guests {
		f.collect(id, g, members)
	}
	return (&Index{flows: map[string]*flow{id: {members: members}}}).Members(id)
}

var someSelectors = []string{
	"name=web-*", "name=web-1|db-2", "name=*", "name!=web-*", "label.app=db", "label.app=db|web",
	"label.app", "!label.app", "label.app!=db,wire=net0", "host=h1,label.env=prod", "host=h[12]",
	"wire!=net0", "net=10.0.0.0/24", "net=10.0.0.0/8|192.0.2.0/28,name=*-1", "net!=10.0.0.0/25",
	"net=2001:db8::/32", "wire=net1,host=h2,label.app=web", "name=w*|*x", "ls=a", "",
}

// TestIncremental: whatever happens in whatever order, the members are those that a computation
// from nothing finds, and the changes lead from one to the next.
func TestIncremental(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		pick := func(all ...string) string { return all[random.IntN(len(all))] }
		x, guests, flows := New(), map[string]*Guest{}, map[string]selector.Selector{}
		followed := map[Member]bool{}
		follow := func(changes []Change) {
			for _, c := range changes {
				require.Equal(t, c.Left, followed[c.Member], "seed %d: %v", seed, c)
				followed[c.Member] = !c.Left
			}
		}

		for step := range 400 {
			id := fmt.Sprint(random.IntN(12))
			switch random.IntN(8) {
			case 0:
				delete(guests, id)
				follow(x.RemoveGuest(id))
			case 1, 2:
				s := parse(t, someSelectors[random.IntN(len(someSelectors))])
				flows[id] = s
				follow(x.PutFlow(id, s, sets.Set{"3": {}}))
			case 3:
				delete(flows, id)
				follow(x.RemoveFlow(id))
			default:
				g := guest(id, pick("web-", "db-", "x")+pick("1", "2", "3x"), map[string]string{})
				if random.IntN(2) == 0 {
					g.Labels["app"] = pick("db", "web", "cache")
				}
				for n := range random.IntN(3) {
					g.NICs = append(g.NICs, nic(n, pick("h1", "h2", "h3"), pick("net0", "net1"),
						pick("10.0.0.1", "10.0.0.200", "10.9.0.1", "192.0.2.3", "2001:db8::1")))
				}
				guests[id] = g
				follow(x.PutGuest(g))
			}

			for id, s := range flows {
				require.Equal(t, full(id, s, sets.Set{"3": {}}, guests), x.Members(id),
					"seed %d, step %d: %s", seed, step, s)
			}
		}
		for m, is := range followed {
			require.Equal(t, is, slices.Contains(x.Members(m.Flow), m), "seed %d: %v", seed, m)
		}
	}
}

// TestNothingLeft: tap flows and guests that are gone leave nothing behind.
func TestNothingLeft(t *testing.T) {
	x := New()
	for i, text := range someSelectors {
		x.PutFlow(fmt.Sprint(i), parse(t, text), nil)
	}
	x.PutGuest(guest("g", "web-1", nil, nic(1, "h1", "net0", "10.0.0.1")))
	x.RemoveGuest("g")
	for i := range someSelectors {
		x.RemoveFlow(fmt.Sprint(i))
	}
	assert.Equal(t, New(), x)
	assert.True(t, x.Empty())
}

// BenchmarkPort is a port that appears among 10,000 guests and matches one selector, and goes
// again: its cost must not grow with the number of selectors.
func BenchmarkPort(b *testing.B) {
	for _, selectors := range []int{1, 100} {
		b.Run(fmt.Sprintf("selectors=%d", selectors), func(b *testing.B) {
			x := New()
			for i := range selectors {
				x.PutFlow(fmt.Sprintf("f%d", i), parse(b, fmt.Sprintf(
					"label.project=p%d,name=web-*,net=10.0.0.0/8", i)), nil)
			}
			for i := range 10_000 {
				x.PutGuest(guest(fmt.Sprintf("g%d", i), fmt.Sprintf("web-%d", i),
					map[string]string{"project": fmt.Sprintf("p%d", i%100)},
					nic(i, "h1", "net0", "10.0.0.1")))
			}

			g := guest("new", "web-new", map[string]string{"project": "p0"},
				nic(1, "h1", "net0", "10.0.0.1"))
			b.ReportAllocs()
			for b.Loop() {
				if len(x.PutGuest(g)) != 1 || len(x.RemoveGuest("new")) != 1 {
					b.Fatal("it is no member")
				}
			}
		})
	}
}
