//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// table is the printed result in Markdown: what was measured, the figure, and a note.
type table struct {
	number string
	rows   [][4]string
}

// begin starts the section of a measurement.
func (t *table) begin(number, title string) {
	t.number = number
	t.rows = append(t.rows, [4]string{"**" + number + "**", "**" + title + "**"})
}

// add adds a line to the measurement.
func (t *table) add(what, result, note string) {
	t.rows = append(t.rows, [4]string{t.number, what, result, note})
}

// String is the table with aligned columns.
func (t *table) String() string {
	rows := append([][4]string{{"", "what", "result", "note"}}, t.rows...)
	var widths [4]int
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}

	var out strings.Builder
	line := func(row [4]string, fill string) {
		for i, cell := range row {
			fmt.Fprintf(&out, "| %s%s ", cell, strings.Repeat(fill,
				widths[i]-utf8.RuneCountInString(cell)))
		}
		out.WriteString("|\n")
	}

	line(rows[0], " ")
	line([4]string{}, "-")
	for _, row := range rows[1:] {
		line(row, " ")
	}

	return out.String()
}

// sample is a number of durations of the same kind.
type sample []time.Duration

// at is the quantile of the sample: a share of it does not exceed the result.
func (s sample) at(share float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

func (s sample) median() time.Duration { return s.at(0.5) }

// String is median and 99th percentile.
func (s sample) String() string {
	return fmt.Sprintf("%s, p99 %s (%d runs)", ms(s.median()), ms(s.at(0.99)), len(s))
}

func ms(d time.Duration) string {
	return fmt.Sprintf("%.1f ms",
		float64(d)/float64(time.Millisecond))
}

// machine describes the machine and the versions that were measured.
func machine(ctx context.Context) (string, error) {
	cpu := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, is := strings.CutPrefix(line, "model name"); is {
				cpu = strings.TrimSpace(strings.TrimLeft(name, "\t :"))
			}
		}
	}

	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "", err
	}

	ovs, err := exec.CommandContext(ctx, "ovs-vswitchd", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ovs-vswitchd --version: %w", err)
	}

	version, _, _ := strings.Cut(string(ovs), "\n")
	return fmt.Sprintf("%s; %d cores of %s, Linux %s, %s, %s\n",
		time.Now().UTC().Format("January 2006"),
		runtime.NumCPU(), cpu, strings.TrimSpace(string(kernel)), version, runtime.Version()), nil
}
