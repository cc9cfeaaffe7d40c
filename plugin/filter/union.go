package filter

import "slices"

// union leaves out regions that lie in others, and merges cubes that differ in one bit.
func (a *algebra) union(regions []region) []region {
	var cubes []cube
	var products []region
	for i := range regions {
		if len(regions[i].clauses) == 0 {
			cubes = append(cubes, regions[i].cube)
		} else {
			products = append(products, regions[i])
		}
	}

	cubes = a.unionOfCubes(cubes)
	all := make([]region, 0, len(cubes)+len(products))
	for _, c := range cubes {
		all = append(all, region{cube: c})
	}
	if len(products) == 0 {
		return all
	}

	all = append(all, products...)
	if !a.spend(len(all) * flowsOf(products)) {
		return nil
	}
	kept := make([]region, 0, len(all))
	for i := range all {
		if !covered(all, i, len(cubes)) {
			kept = append(kept, all[i])
		}
	}
	return kept
}

// covered reports whether another region has all of one, where only those from first on have
// clauses. Of two equal ones the first stays.
func covered(regions []region, i, first int) bool {
	from := 0
	if i < first {
		from = first // cubes do not cover each other
	}
	for j := from; j < len(regions); j++ {
		if i != j && regions[j].contains(&regions[i]) &&
			(j < i || !regions[i].contains(&regions[j])) {
			return true
		}
	}
	return false
}

// unionOfCubes is union for cubes. It finds cubes by their value instead of comparing all with all.
func (a *algebra) unionOfCubes(cubes []cube) []cube {
	for {
		if !a.spend(8 * len(cubes)) {
			return nil
		}
		cubes = absorbCubes(cubes)

		merged := false
		set := make(map[cube]bool, len(cubes))
		for _, c := range cubes {
			set[c] = true
		}
		for i := range cubes {
			if !set[cubes[i]] {
				continue
			}
			cubes[i].neighbours(func(neighbour, both cube) {
				if c := cubes[i]; set[c] && set[neighbour] {
					delete(set, c)
					delete(set, neighbour)
					cubes[i], merged = both, true
					set[both] = true
				}
			})
		}
		if !merged {
			return cubes
		}
		cubes = slices.DeleteFunc(cubes, func(c cube) bool { return !set[c] })
	}
}

// absorbCubes leaves out cubes that lie in others.
func absorbCubes(cubes []cube) []cube {
	set := make(map[cube]bool, len(cubes))
	masks := map[[words]uint64]bool{}
	var distinct []cube
	for _, c := range cubes {
		if !set[c] {
			set[c], masks[c.mask] = true, true
			distinct = append(distinct, c)
		}
	}
	if len(masks) == 1 {
		return distinct
	}

	return slices.DeleteFunc(distinct, func(c cube) bool {
		for mask := range masks {
			if mask == c.mask {
				continue
			}
			wider := cube{mask: mask}
			for i := range words {
				wider.value[i] = c.value[i] & mask[i]
			}
			if wider.contains(&c) && set[wider] {
				return true
			}
		}
		return false
	})
}
