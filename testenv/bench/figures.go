//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"
)

// figures are the main ones of a run, in the format of Go's benchmarks, which benchstat compares.
type figures struct{ lines bytes.Buffer }

// add adds values of one kind, in a unit such as KiB/host.
func (f *figures) add(name, unit string, values ...float64) {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" ,/:", r) {
			return '_'
		}
		return r
	}, name)
	for _, value := range values {
		fmt.Fprintf(&f.lines, "Benchmark_%s 1 %g %s\n", name, value, unit)
	}
}

// addTimes adds durations of one kind.
func (f *figures) addTimes(name string, times ...time.Duration) {
	for _, d := range times {
		f.add(name, "sec/op", d.Seconds())
	}
}

// appendTo appends the figures to a file.
func (f *figures) appendTo(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := file.Write(f.lines.Bytes()); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
