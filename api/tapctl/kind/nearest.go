package kind

import "strings"

// Nearest returns the name that takes the fewest edits to reach from a reference, or "" if none is
// near enough to be explained by a typing error.
func Nearest(ref string, names []string) string {
	best, least := "", len([]rune(ref))/3+2
	for _, name := range names {
		if d := distance(strings.ToLower(ref), strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	return best
}

// Names are the names of objects.
func Names(objects []Object) []string {
	var out []string
	for _, o := range objects {
		out = append(out, o.Name)
	}
	return out
}

// distance counts the runes to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)

	// row holds the distances of the part of a read so far to every beginning of b.
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}

	for i, r := range from {
		diagonal := row[0]
		row[0] = i + 1
		for j, s := range to {
			cost := 1
			if r == s {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}

	return row[len(to)]
}
