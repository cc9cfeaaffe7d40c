//go:build linux

package vm

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tapline-sdn/tapline/testenv/vm/job"
)

const (
	qemu          = "qemu-system-x86_64"
	defaultMemory = 2048
	// instructionClock has the machine's time follow the instructions that it runs, a nanosecond
	// each, and skip the time in which it has nothing to do. So it sees a processor of always the
	// same speed, however little of one it gets: nothing in it is late because this machine is
	// busy.
	instructionClock = "shift=0,sleep=off"

	// consoleTail is how much of the kernel's messages an error shows, in bytes.
	consoleTail = 4000
)

// Config says what a machine runs, and on what.
type Config struct {
	// Command is the program, by its path in the machine, and its arguments.
	Command []string
	// Env is added to the program's environment.
	Env []string
	// Dir is where the program starts; "" means /.
	Dir string
	// Files are copied into the machine: its path there, and the file here. Programs must be
	// linked statically.
	Files map[string]string
	// Without names modules that are not loaded, such as ip_gre.
	Without []string
	// Releases are releases of Open vSwitch that the machine has beside the installed one.
	Releases []string
	// Memory is in MiB; 0 means 2048. Its image lies in it.
	Memory int
	// Timeout ends the machine, by the clock of this one; it must be positive.
	Timeout time.Duration
	// Output gets what the program prints, while it runs.
	Output io.Writer
}

func (c Config) validate() error {
	switch {
	case len(c.Command) == 0:
		return errors.New("no command")
	case c.Timeout <= 0:
		return fmt.Errorf("a timeout of %v: want a positive one", c.Timeout)
	case c.Output == nil:
		return errors.New("no output")
	}
	return nil
}

// Run boots a machine, runs the program and returns its exit code. The error says why there is
// none: the machine did not boot, time was over, or the program was killed.
func Run(ctx context.Context, c Config) (code int, err error) {
	if err := c.validate(); err != nil {
		return 0, fmt.Errorf("virtual machine: %w", err)
	}

	dir, err := os.MkdirTemp("", "tapline-vm-")
	if err != nil {
		return 0, fmt.Errorf("virtual machine: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	initrd := filepath.Join(dir, "initrd")
	if err := writeImage(ctx, c, initrd); err != nil {
		return 0, fmt.Errorf("virtual machine: %w", err)
	}

	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout,
		fmt.Errorf("not done within %v", c.Timeout))
	defer cancel()

	console := filepath.Join(dir, "console")
	code, err = boot(ctx, c, initrd, console)
	if err != nil {
		return 0, fmt.Errorf("virtual machine: %w\nits kernel said:\n%s", err, tail(console))
	}
	return code, nil
}

// boot runs QEMU until the machine ends, and reads how the program ended.
func boot(ctx context.Context, c Config, initrd, console string) (int, error) {
	cmd := exec.CommandContext(ctx, qemu, "-nodefaults", "-no-user-config", "-no-reboot",
		"-display", "none", "-machine", "q35,accel=tcg", "-cpu", "max",
		"-icount", instructionClock, "-rtc", "base=utc,clock=vm",
		"-m", strconv.Itoa(c.memory()),
		"-kernel", filepath.Join(KernelDir(), "vmlinuz"), "-initrd", initrd,
		"-append", "console=ttyS0 quiet panic=-1 reboot=t rdinit=/init mitigations=off",
		"-serial", "file:"+console, "-serial", "stdio")

	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	// A machine does not outlive a test that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}

	code, said, readErr := follow(out, c.Output)
	if said {
		_ = cmd.Process.Kill() // It has nothing more to do.
		_ = cmd.Wait()         // killed: the error says so
		return code, readErr
	}

	err = cmd.Wait()
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	return 0, errors.Join(errors.New("it ended without an exit code"), err, readErr,
		textError(stderr.String()))
}

func (c Config) memory() int {
	if c.Memory == 0 {
		return defaultMemory
	}
	return c.Memory
}

// follow passes the program's output on, until the machine says how the program ended; said is
// false if it never does.
func follow(in io.Reader, out io.Writer) (code int, said bool, err error) {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if text, is := strings.CutPrefix(strings.TrimSpace(line), job.Fault); is {
			return 0, true, errors.New(text)
		}
		if text, is := strings.CutPrefix(strings.TrimSpace(line), job.Exit); is {
			code, err := strconv.Atoi(text)
			return code, true, err
		}

		if _, err := io.WriteString(out, line); err != nil {
			return 0, false, err
		}
		if errors.Is(err, io.EOF) {
			return 0, false, nil
		}
		if err != nil {
			return 0, false, err
		}
	}
}

func textError(text string) error {
	if text = strings.TrimSpace(text); text == "" {
		return nil
	}
	return errors.New(text)
}

func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-consoleTail):])
}
