package filter

import "slices"

// block is a step of a decision list: frames in one of the regions are accepted, or rejected.
type block struct {
	accept  bool
	regions []region
}

// list is an ordered decision list: the first block that has a frame decides. The last block has
// every frame.
type list []block

// everything is a list that decides alike for every frame.
func everything(accept bool) list { return list{{accept, []region{{}}}} }

// only is a list that accepts some frames and rejects all others.
func only(regions []region) list {
	if len(regions) == 0 {
		return everything(false)
	}
	return append(list{{true, regions}}, everything(false)...)
}

// not returns the list that decides the other way.
func (l list) not() list {
	flipped := make(list, len(l))
	for i, b := range l {
		flipped[i] = block{!b.accept, b.regions}
	}
	return flipped
}

// flows returns the number of flows, without the last block if that rejects.
func (l list) flows() int {
	n := 0
	for i, b := range l {
		if i < len(l)-1 || b.accept {
			n += flowsOf(b.regions)
		}
	}
	return n
}

// maxFlowsWithin bounds the lists within a compilation, and so its time.
const maxFlowsWithin = 8 * MaxFlows

// and returns the list of frames that both accept, in the order that needs fewer flows. It returns
// nil if both orders need too many.
func (a *algebra) and(x, y list) list {
	first, second := a.then(x, y), a.then(y, x)
	switch {
	case first == nil:
		return second
	case second == nil || first.flows() <= second.flows():
		return first
	}
	return second
}

// then asks y about what x accepts. What x rejects is rejected, before y is asked. It returns nil
// if that needs too many flows.
func (a *algebra) then(x, y list) list {
	var result list
	for _, step := range x {
		if !step.accept {
			result = append(result, step)
			continue
		}
		for _, next := range y {
			if regions := a.cross(step.regions, next.regions); len(regions) > 0 {
				result = append(result, block{next.accept, regions})
			}
		}
		if result.flows() > maxFlowsWithin || a.tired() {
			return nil
		}
	}
	return a.simplify(result)
}

// within returns the blocks of a list for the frames of a cube alone. The result has no last block
// for every frame.
func (a *algebra) within(l list, c cube) list {
	var result list
	for _, b := range l {
		if regions := a.cross(b.regions, []region{{cube: c}}); len(regions) > 0 {
			result = append(result, block{b.accept, regions})
		}
	}
	return result
}

// simplify joins neighbours that decide alike, and leaves out what decides nothing.
func (a *algebra) simplify(l list) list {
	l = a.join(l)
	total := 0
	for _, b := range l {
		total += len(b.regions)
	}
	if n := l.flows(); !a.spend(2 * n * n) {
		return nil
	}

	left := 0
	for i := range l {
		above := l[:i]
		l[i].regions = slices.DeleteFunc(l[i].regions, func(r region) bool {
			return above.decides(&r)
		})
		left += len(l[i].regions)
	}

	for i := len(l) - 2; i >= 0; i-- {
		accept, below := l[i].accept, l[i+1:]
		before := len(l[i].regions)
		l[i].regions = slices.DeleteFunc(l[i].regions, func(r region) bool {
			return below.agrees(&r, accept)
		})
		left -= before - len(l[i].regions)
	}

	if left == total {
		return l
	}
	return a.join(l)
}

// join copies a list, with neighbours that decide alike in one block.
func (a *algebra) join(l list) list {
	var result list
	for _, b := range l {
		if len(b.regions) == 0 {
			continue
		}
		if n := len(result); n > 0 && result[n-1].accept == b.accept {
			result[n-1].regions = append(result[n-1].regions, b.regions...)
			continue
		}
		result = append(result, block{b.accept, slices.Clone(b.regions)})
	}

	for i := range result {
		result[i].regions = a.union(result[i].regions)
	}
	return result
}

// decides reports whether one region of the list has all of r.
func (l list) decides(r *region) bool {
	for _, b := range l {
		for i := range b.regions {
			if b.regions[i].contains(r) {
				return true
			}
		}
	}
	return false
}

// agrees reports whether the list decides so about all of r.
func (l list) agrees(r *region, accept bool) bool {
	for _, b := range l {
		for i := range b.regions {
			if b.accept != accept && b.regions[i].overlaps(r) {
				return false
			}
			if b.accept == accept && b.regions[i].contains(r) {
				return true
			}
		}
	}
	return false
}
