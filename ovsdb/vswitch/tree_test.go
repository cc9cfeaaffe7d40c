package vswitch

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestTree: a tree is a map; an older version of it stays what it was; and the
// differences of two versions are those of the maps.
func TestTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Few different bytes, so that keys share long prefixes.
		key := rapid.Custom(func(t *rapid.T) (u UUID) {
			for _, i := range []int{0, 1, 7, 15} {
				u[i] = rapid.SampledFrom([]byte{0, 1, 0x10, 0xff}).Draw(t, "byte")
			}
			return u
		})

		type version struct {
			tree tree[int]
			want map[UUID]int
		}

		versions := []version{{want: map[UUID]int{}}}
		for i := range rapid.IntRange(1, 80).Draw(t, "steps") {
			last := versions[len(versions)-1]
			now := version{last.tree, maps.Clone(last.want)}
			if k := key.Draw(t, "key"); rapid.Bool().Draw(t, "put") {
				now.tree, now.want[k] = last.tree.with(k, i), i
			} else {
				now.tree = last.tree.without(k)
				delete(now.want, k)
			}

			versions = append(versions, now)
		}

		for _, v := range versions {
			if got := maps.Collect(v.tree.all()); !maps.Equal(got, v.want) {
				t.Fatalf("got %v, want %v", got, v.want)
			}

			for k, want := range v.want {
				if got, ok := v.tree.get(k); !ok || got != want {
					t.Fatalf("%v is %v, %v; want %v", k, got, ok, want)
				}
			}

			var keys []UUID
			for k := range v.tree.all() {
				keys = append(keys, k)
			}

			if !slices.IsSortedFunc(keys, UUID.Compare) {
				t.Fatal("keys are not sorted")
			}
		}

		a := versions[rapid.IntRange(0, len(versions)-1).Draw(t, "a")]
		b := versions[rapid.IntRange(0, len(versions)-1).Draw(t, "b")]
		type change struct{ Old, Now int }
		got, want := map[UUID]change{}, map[UUID]change{}
		differences(a.tree.root, b.tree.root, func(old, now *entry[int]) {
			c := change{-1, -1}
			var k UUID
			if old != nil {
				c.Old, k = old.value, old.key
			}

			if now != nil {
				c.Now, k = now.value, now.key
			}

			if c.Old != c.Now {
				got[k] = c
			}
		})

		for k, v := range a.want {
			if w, ok := b.want[k]; !ok {
				want[k] = change{v, -1}
			} else if v != w {
				want[k] = change{v, w}
			}
		}

		for k, w := range b.want {
			if _, ok := a.want[k]; !ok {
				want[k] = change{-1, w}
			}
		}

		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}
