//go:build linux

// Command run runs tests of the whole product in a virtual machine:
//
//	go run ./testenv/vm/run -v -run '^TestShared$/^Mirror$'
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapline-sdn/tapline/testenv/vm"
)

func main() {
	t := vm.Tests{Output: os.Stdout}
	flag.StringVar(&t.Run, "run", "", "run these `tests`; all by default")
	flag.StringVar(&t.Skip, "skip", "", "skip these `tests`")
	flag.StringVar(&t.Datapath, "datapath", "system", "datapath of bridges: system or netdev")
	flag.StringVar(&t.Releases, "ovs", "",
		"`releases` of Open vSwitch that hosts run in turn, such as 2.15,4.0; see make releases")
	flag.BoolVar(&t.Verbose, "v", false, "show tests that pass as well")
	flag.DurationVar(&t.Timeout, "timeout", 30*time.Minute, "end the machine after this time")
	suite := flag.Bool("suite", false, "run the tests that concern the datapath")
	without := flag.String("without", "", "leave out these kernel `modules`, separated by commas")
	flag.Parse()
	if *suite {
		t.Run, t.Skip, t.Verbose = vm.Suite, vm.SuiteSkip, true
	}
	if *without != "" {
		t.Without = strings.Split(*without, ",")
	}

	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	code, err := vm.E2E(ctx, t)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(code)
}
