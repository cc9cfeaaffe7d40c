//go:build linux

package vm

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tapline-sdn/tapline/testenv/release"
)

// Tests says which tests of the whole product a machine runs, and how.
type Tests struct {
	// Run and Skip choose them as the flags of go test do; "" means all, and none.
	Run, Skip string
	// Datapath is that of all bridges: "system", the kernel's, or "netdev".
	Datapath string
	// Releases are what hosts run, as release.Variable has it: "" means what is installed.
	Releases string
	// Verbose shows tests that pass as well.
	Verbose bool
	// Without, Timeout and Output are those of Config.
	Without []string
	Timeout time.Duration
	Output  io.Writer
}

// Suite is every test of the whole product that says something of the datapath: what is mirrored,
// where copies arrive, when, and how it is counted. Left out is what needs programs that the image
// does not have (libvirt, Ansible, Python, Go), or is about the API and documents alone.
const Suite = "^(TestShared|TestKernelTCP|TestKernelIPv6|TestTAPDevices|TestRestart|TestFollow|" +
	"TestStart|TestReadyMeansThatItArrives|TestOnce|TestOptions|TestRemoteCollectors|" +
	"TestCopiesAreCutToFit|TestCleanupWithoutController|TestSettingsOfOthers|" +
	"TestKeysCannotBeGuessed|TestForeignTunnelWithOurKey|TestLoopsInsideOtherLayers|" +
	"TestCaptureThatFeedsOnItself|TestOverlayOfOperator|TestOverlayThatComesLater|" +
	"TestClosedPortWithoutController|TestNICThatStandsSomewhere|TestOffIsOnlySaidWhenItIs|" +
	"TestDestinationIsPinned|TestSamePacketTwice|TestWhoseTraffic|TestEvacuation)$"

// SuiteSkip is what Suite leaves out of these.
const SuiteSkip = "^TestShared$/^(Commands|Examples|Documents|Refusal)$"

// machineTimeout bounds all tests together by the machine's own clock, which may run faster than
// any other: a test that hangs is shown with its goroutines.
const machineTimeout = 4 * time.Hour

// programs are built for the tests, and where they lie in the machine.
var programs = map[string]string{
	"/tapline/tapline":        "controller/tapline",
	"/tapline/tapline-mirror": "plugin/tapline-mirror",
	"/tapline/tapctl":         "api/tapctl",
	"/tapline/otherplugin":    "testenv/e2e/testdata/otherplugin",
}

// E2E runs tests in a machine and returns their exit code, as go test has it: 0 if all passed.
func E2E(ctx context.Context, t Tests) (code int, err error) {
	dir, err := os.MkdirTemp("", "tapline-vm-")
	if err != nil {
		return 0, err
	}
	defer func() { err = joinRemove(err, dir) }()

	files := map[string]string{}
	for name, path := range programs {
		to := filepath.Join(dir, filepath.Base(name))
		if err := build(ctx, to, path); err != nil {
			return 0, err
		}
		files[name] = to
	}

	tests := filepath.Join(dir, "e2e.test")
	err = run(ctx, "go", "test", "-c", "-trimpath", "-ldflags=-s -w", "-o", tests,
		module+"testenv/e2e")
	if err != nil {
		return 0, err
	}
	files["/tapline/e2e.test"] = tests
	releases := cmp.Or(t.Releases, release.System)

	command := []string{"/tapline/e2e.test", "-test.run=" + t.Run, "-test.skip=" + t.Skip,
		"-test.timeout=" + machineTimeout.String()}
	if t.Verbose {
		command = append(command, "-test.v")
	}

	return Run(ctx, Config{
		Command: command,
		// CI: what is missing in the machine fails a test instead of skipping it.
		Env: []string{"CI=true", "TAPLINE_PROGRAMS=/tapline", "TAPLINE_SLOWNESS=2",
			"TAPLINE_LAB_DATAPATH=" + t.Datapath, release.Variable + "=" + releases},
		Releases: strings.Split(releases, ","),
		Files:    files, Without: t.Without, Timeout: t.Timeout, Output: t.Output,
	})
}

func joinRemove(err error, dir string) error {
	if removeErr := os.RemoveAll(dir); err == nil && removeErr != nil {
		return fmt.Errorf("remove programs of a virtual machine: %w", removeErr)
	}
	return err
}
