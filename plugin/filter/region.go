package filter

import "slices"

// region is the frames that are in a cube and, for each clause, in at least one cube of it. There
// are no clauses, or at least two; each has at least two cubes, and all of these lie in cube.
type region struct {
	cube    cube
	clauses [][]cube
}

// maxClauses is the largest number of clauses of a conjunction (ovs-actions(7), conjunction).
const maxClauses = 64

// flows returns the number of flows that match the region. It is too large for any filter if flows
// cannot match it.
func (r *region) flows() int {
	n := 1
	if len(r.clauses) > maxClauses {
		n = maxFlowsWithin
	}
	for _, clause := range r.clauses {
		n += len(clause)
	}
	return n
}

func flowsOf(regions []region) (n int) {
	for i := range regions {
		n += regions[i].flows()
	}
	return n
}

// narrow returns the part of a region that is in a cube, as regions, and with more clauses.
func (r *region) narrow(within *cube, more ...[]cube) []region {
	c, ok := r.cube.intersect(within)
	if !ok {
		return nil
	}

	clauses := slices.Concat(r.clauses, more)
	for changed := true; changed; {
		changed = false
		var kept [][]cube
		for _, clause := range clauses {
			inside := intersectAll(clause, &c)
			switch {
			case len(inside) == 0:
				return nil
			case slices.Contains(inside, c):
				continue // all of the region is in it
			case len(inside) == 1:
				c, changed = inside[0], true
			default:
				kept = append(kept, inside)
			}
		}
		clauses = kept
	}

	if len(clauses) != 1 {
		return []region{{c, clauses}}
	}
	parts := make([]region, len(clauses[0]))
	for i, one := range clauses[0] {
		parts[i] = region{cube: one}
	}
	return parts
}

// intersectAll narrows cubes, and leaves out those that lie in others.
func intersectAll(cubes []cube, within *cube) []cube {
	var inside []cube
	for i := range cubes {
		if c, ok := cubes[i].intersect(within); ok {
			inside = append(inside, c)
		}
	}
	return absorb(inside)
}

// absorb leaves out cubes that lie in others.
func absorb(cubes []cube) []cube {
	var kept []cube
	for i := range cubes {
		covered := false
		for j := range cubes {
			if i != j && cubes[j].contains(&cubes[i]) && (cubes[i] != cubes[j] || j < i) {
				covered = true
				break
			}
		}
		if !covered {
			kept = append(kept, cubes[i])
		}
	}
	return kept
}

// contains reports whether all of s is in r. It may miss cases, but never says so wrongly.
func (r *region) contains(s *region) bool {
	if !r.cube.contains(&s.cube) {
		return false
	}
	for _, clause := range r.clauses {
		within := func(other []cube) bool { return allWithin(other, clause) }
		if !anyContains(clause, &s.cube) && !slices.ContainsFunc(s.clauses, within) {
			return false
		}
	}
	return true
}

func anyContains(cubes []cube, c *cube) bool {
	for i := range cubes {
		if cubes[i].contains(c) {
			return true
		}
	}
	return false
}

func allWithin(cubes, outer []cube) bool {
	for i := range cubes {
		if !anyContains(outer, &cubes[i]) {
			return false
		}
	}
	return true
}

// overlaps reports whether r and s have frames in common. It may say so wrongly, but misses no
// case.
func (r *region) overlaps(s *region) bool {
	if _, ok := r.cube.intersect(&s.cube); !ok {
		return false
	}
	return r.meets(&s.cube) && s.meets(&r.cube)
}

// meets reports whether every clause has a cube that a cube intersects.
func (r *region) meets(c *cube) bool {
	for _, clause := range r.clauses {
		if !slices.ContainsFunc(clause, func(d cube) bool {
			_, ok := d.intersect(c)
			return ok
		}) {
			return false
		}
	}
	return true
}

// algebra calculates with regions and lists. It counts the steps that this takes, and gives up when
// they are too many: results are wrong from then on, and tired is true.
type algebra struct{ steps int }

// maxSteps bounds the work on an expression, to a fraction of a second.
const maxSteps = 30_000_000

func (a *algebra) tired() bool { return a.steps > maxSteps }

// spend counts steps and reports whether there are any left.
func (a *algebra) spend(n int) bool {
	a.steps += n
	return !a.tired()
}

// affords spends steps if they are a small part of what is left.
func (a *algebra) affords(n int) bool {
	return n <= (maxSteps-a.steps)/8 && a.spend(n)
}

// cross returns the frames that are in a region of x and in one of y. It multiplies the sets out,
// or makes clauses of them, whichever takes fewer flows.
func (a *algebra) cross(x, y []region) []region {
	xs, ys := simple(x), simple(y)
	if xs == nil || ys == nil {
		return a.multiply(x, y)
	}

	if !a.spend(2 * len(xs) * len(ys)) {
		return nil
	}
	everything := region{}
	product := everything.narrow(&cube{}, meeting(xs, ys), meeting(ys, xs))
	if 4*flowsOf(product)+64 < countMeeting(xs, ys) {
		return product // multiplied out and merged it is hardly ever smaller
	}
	if multiplied := a.multiply(x, y); flowsOf(multiplied) <= flowsOf(product) {
		return multiplied
	}
	return product
}

// countMeeting returns the number of pairs of cubes that have frames in common.
func countMeeting(xs, ys []cube) (n int) {
	for i := range xs {
		for j := range ys {
			if _, ok := xs[i].intersect(&ys[j]); ok {
				n++
			}
		}
	}
	return n
}

// multiply intersects each region of x with each of y, or adds y as a clause to a region of x.
func (a *algebra) multiply(x, y []region) []region {
	cubes := simple(y)
	var all []region
	for i := range x {
		var parts []region
		for j := range y {
			if !a.spend(1 + x[i].flows()*y[j].flows()) {
				return nil
			}
			parts = append(parts, x[i].narrow(&y[j].cube, y[j].clauses...)...)
		}
		if cubes != nil && len(x[i].clauses) > 0 {
			if with := x[i].narrow(&cube{}, cubes); flowsOf(with) < flowsOf(parts) {
				parts = with
			}
		}
		all = append(all, parts...)
	}
	return a.union(all)
}

// simple returns the cubes of regions, or nil if one has clauses or there are none.
func simple(regions []region) []cube {
	var cubes []cube
	for i := range regions {
		if len(regions[i].clauses) > 0 {
			return nil
		}
		cubes = append(cubes, regions[i].cube)
	}
	return cubes
}

// meeting returns the cubes of a that have frames in common with one of b.
func meeting(a, b []cube) []cube {
	return slices.DeleteFunc(slices.Clone(a), func(c cube) bool {
		return !slices.ContainsFunc(b, func(d cube) bool {
			_, ok := c.intersect(&d)
			return ok
		})
	})
}
