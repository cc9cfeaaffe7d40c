package advice

import (
	"fmt"
	"strings"
)

// Nearest returns the word that takes the fewest edits to reach from what was typed, or "" if none
// is near enough to be explained by a typing error.
func Nearest(typed string, words []string) string {
	best, least := "", len([]rune(typed))/3+2
	for _, word := range words {
		if d := distance(strings.ToLower(typed), strings.ToLower(word)); d < least {
			best, least = word, d
		}
	}
	return best
}

// DidYouMean is the end of a message that proposes the nearest word, or "".
func DidYouMean(typed string, words []string) string {
	near := Nearest(typed, words)
	if near == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", near)
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
