package format

import (
	"fmt"
	"strings"
	"time"
)

// First is the first text that is not empty.
func First(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// Join joins the texts that are not empty, two blanks apart.
func Join(texts ...string) string {
	var kept []string
	for _, s := range texts {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, "  ")
}

// Labelled is a text behind its label, or "" for an empty text.
func Labelled(label, text string) string {
	if text == "" {
		return ""
	}
	return label + " " + text
}

// Counted is a number of things: 1 flow, 2 flows.
func Counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Time is a time in UTC to the second, "" for the zero time.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// TimeText is [Time] of a time that is a text already. Any other text stays as it is.
func TimeText(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return s
	}
	return Time(t)
}

// Since is a time behind the word since, with a blank before it; "" for nil.
func Since(t *time.Time) string {
	if t == nil {
		return ""
	}
	return " since " + Time(*t)
}
