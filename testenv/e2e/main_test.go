//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if dir, err := programs(); err == nil && prebuilt == "" {
			if err := os.RemoveAll(dir); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		}
		os.Exit(code)
	}))
}

// programs is the directory of the built binaries: the controller, its plugin, and the command
// line.
var programs = sync.OnceValues(func() (string, error) {
	if len(lab.Missing()) > 0 {
		return "", errors.New("nothing is built where no lab can run")
	}
	if prebuilt != "" {
		return prebuilt, nil
	}
	return os.MkdirTemp("", "tapline-e2e-")
})

// prebuilt is a directory with the binaries, where nothing can be built: a virtual machine.
var prebuilt = os.Getenv("TAPLINE_PROGRAMS")

// builds has one entry per program, since most tests need but two of them. tapctl is called
// hundreds of times and its own tests have the race detector, which makes its start slow.
var builds = map[string]func() error{
	"tapline":        sync.OnceValue(build("controller/tapline", raceDetector)),
	"tapline-mirror": sync.OnceValue(build("plugin/tapline-mirror", raceDetector)),
	"tapctl":         sync.OnceValue(build("api/tapctl", false)),
	"otherplugin":    sync.OnceValue(build("testenv/e2e/testdata/otherplugin", raceDetector)),
}

// build builds a program.
func build(path string, withRaceDetector bool) func() error {
	return func() error {
		dir, err := programs()
		if err != nil || prebuilt != "" {
			return err
		}

		args := []string{"build", "-o", dir + "/"}
		if withRaceDetector {
			args = append(args, "-race")
		}

		out, err := exec.Command("go", append(args,
			"github.com/tapline-sdn/tapline/"+path)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("build %s: %w\n%s", path, err, out)
		}

		return nil
	}
}

// program is the path of a built program.
func program(t testing.TB, name string) string {
	t.Helper()
	must(t, builds[name]())
	dir, err := programs()
	must(t, err)
	return filepath.Join(dir, name)
}
