package epoch_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/reconcile/epoch"
	"github.com/tapline-sdn/tapline/ovsdb/vswitch"
)

func TestNext(t *testing.T) {
	const most = math.MaxUint64
	for _, tc := range []struct {
		name  string
		claim epoch.Claim
		shown uint64
		want  uint64 // 0: a newer leader has the switch
	}{
		{"single, first", epoch.Claim{}, 0, 1},
		{"single, restarted", epoch.Claim{}, 7, 8},
		{"single, same again", epoch.Claim{Own: 8}, 8, 8},
		{"single, away for a while", epoch.Claim{Own: 8}, 9, 10},
		{"leader, first", epoch.Claim{Term: 41}, 0, 41},
		{"leader, after an earlier one", epoch.Claim{Term: 41}, 17, 41},
		{"leader, of a store that went back", epoch.Claim{Term: 3}, 17, 18},
		{"leader, after one of the same number", epoch.Claim{Term: 41}, 41, 42},
		{"leader, same again", epoch.Claim{Term: 41, Own: 41}, 41, 41},
		{"leader, removed by hand", epoch.Claim{Term: 41, Own: 41, Held: true}, 0, 41},
		{"leader, lowered by hand", epoch.Claim{Term: 41, Own: 41, Held: true}, 5, 41},
		{"leader, raised by hand", epoch.Claim{Term: 41, Own: 41, Held: true}, 50, 51},
		{"leader, succeeded meanwhile", epoch.Claim{Term: 41, Own: 41}, 50, 0},
		{"switch has seen more", epoch.Claim{Term: 41, Own: 41, Held: true, Above: 99}, 41, 100},
		{"switch has seen less", epoch.Claim{Term: 41, Own: 41, Held: true, Above: 9}, 41, 41},
		{"far ahead", epoch.Claim{Own: 8, Held: true, Above: 1<<63 + 5}, 8, 1<<63 + 6},
		{"far ahead, as a switch counts", epoch.Claim{Own: 8, Held: true, Above: 1<<63 + 9}, 8, 8},
		{"at the end", epoch.Claim{}, most, 1},
		{"wraps", epoch.Claim{Own: 8, Held: true, Above: most}, 8, 8},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := tc.claim.Next(tc.shown)
			assert.Equal(t, tc.want, got)
			assert.Equal(t, tc.want != 0, ok)
			if ok && tc.claim.Above > 0 {
				assert.True(t, epoch.Newer(got, tc.claim.Above))
			}
		})
	}
}

func TestIDs(t *testing.T) {
	ids := func(pairs ...string) vswitch.Pairs {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return vswitch.PairsOf(m)
	}
	mine := epoch.Key("c1")
	assert.True(t, epoch.SameBeside(ids("a", "b"), ids("a", "b", mine, "7")))
	assert.True(t, epoch.SameBeside(ids(mine, "7"), ids(epoch.Key("c2"), "8")))
	assert.False(t, epoch.SameBeside(ids("a", "b", mine, "7"), ids("a", "c", mine, "7")))
	assert.False(t, epoch.SameBeside(ids("a", "b", mine, "7"), ids(mine, "7")))
}

func TestDoubtful(t *testing.T) {
	assert.False(t, epoch.Claim{Term: 41}.Doubtful(41))
	assert.True(t, epoch.Claim{Term: 41}.Doubtful(42))
	assert.False(t, epoch.Claim{Term: 41, Own: 42}.Doubtful(43))
	assert.False(t, epoch.Claim{}.Doubtful(43))
}
