// Command tapctl is the command line of Tapline. Called as climc it behaves the same.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
	"github.com/tapline-sdn/tapline/api/tapctl/facts"
)

// version is set by the linker.
var version = "devel"

// extcapName is the name of the link to tapctl among the extcap programs of Wireshark.
const extcapName = "tapctl-extcap"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	args := os.Args[1:]
	name := filepath.Base(os.Args[0])
	if name == extcapName { // Wireshark calls it so.
		name, args = "tapctl", append([]string{"extcap"}, args...)
	}

	code := cmd.Run(ctx, cli.World{
		Name:    name,
		Version: version,
		In:      os.Stdin,
		Out:     os.Stdout,
		Err:     os.Stderr,
		Env:     os.Getenv,
		Root:    os.Geteuid() == 0,
		Width:   terminalWidth(os.Stdout),
		Live:    terminalWidth(os.Stderr) > 0,
		Facts:   facts.Read,

		Interactive: terminalWidth(os.Stdin) > 0 && terminalWidth(os.Stderr) > 0,
	}, args)

	stop()
	os.Exit(code)
}

// terminalWidth is the number of columns of a terminal, 0 if the file is none.
func terminalWidth(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}
