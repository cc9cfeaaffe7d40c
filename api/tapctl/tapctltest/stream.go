package tapctltest

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
)

// Start runs a command line until stop is called, and hands out its lines. Stop returns the exit
// code.
func (d *Desk) Start(line string) (lines <-chan string, stop func() int) {
	d.t.Helper()
	in, out := io.Pipe()
	world := d.world()
	world.Out, world.Err = out, io.Discard

	ctx, cancel := context.WithTimeout(d.t.Context(), 30*time.Second)
	code := make(chan int, 1)
	go func() {
		code <- cmd.Run(ctx, world, strings.Fields(line))
		_ = out.Close()
	}()

	read := make(chan string)
	go func() {
		defer close(read)
		for scanner := bufio.NewScanner(in); scanner.Scan(); {
			read <- scanner.Text()
		}
	}()

	return read, func() int {
		cancel()
		for range read { // until the command has ended
		}
		return <-code
	}
}

// Next is the next line of a running command.
func Next(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case line, open := <-lines:
		require.True(t, open, "the command has ended")
		return line
	case <-time.After(20 * time.Second):
		t.Fatal("the command prints nothing")
	}
	return ""
}
