package hypervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	maxOutput = 64 << 20 // bytes of standard output that a command may print
	maxStderr = 16 << 10 // bytes of standard error that are kept
	// pipeWait is how long other processes, such as ssh, may hold the pipes of a killed command.
	pipeWait = 2 * time.Second
)

// virsh runs virsh(1) against one host.
type virsh struct {
	path string // of the program
	uri  string // of the host's libvirt
}

// virshError is the failure of a command.
type virshError struct {
	message string // libvirt's own
	err     error
}

func (e *virshError) Error() string { return e.message }
func (e *virshError) Unwrap() error { return e.err }

// command prepares virsh. Its child processes, such as ssh, end with it and cannot ask for
// passwords. (Option -q is not used: with it, virsh prints no line ends after echo.)
func (v virsh) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, v.path, append([]string{"-c", v.uri}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SSH_ASKPASS_REQUIRE=never")
	cmd.SysProcAttr = processAttributes()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = pipeWait
	return cmd
}

// run executes one command within a time limit and returns its standard output. The command reads
// stdin from /dev/stdin.
func (v virsh) run(
	ctx context.Context, limit time.Duration, stdin string, args ...string,
) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()

	cmd := v.command(ctx, args...)
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	stdout, stderr := &boundedBuffer{limit: maxOutput}, &boundedBuffer{limit: maxStderr}
	cmd.Stdout, cmd.Stderr = stdout, stderr

	err := cmd.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "", &virshError{fmt.Sprintf("no answer within %v", limit), ctx.Err()}
	}
	if err == nil && stdout.overflowed {
		err = fmt.Errorf("it printed more than %d MiB", maxOutput>>20)
	}
	if err != nil {
		return "", &virshError{errorText(stderr.String(), err), err}
	}
	return stdout.String(), nil
}

// errorText extracts libvirt's message from what virsh printed to standard error. The first of
// several lines only repeats the command, such as "Failed to attach device from /dev/stdin".
func errorText(stderr string, err error) string {
	if missing := (*exec.Error)(nil); errors.As(err, &missing) {
		const advice = "install libvirt's client programs on the controller's machine"
		return fmt.Sprintf("%s cannot be executed (%v); %s", missing.Name, missing.Err, advice)
	}

	var lines []string
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "error:"))
		if line != "" {
			lines = append(lines, line)
		}
	}

	switch len(lines) {
	case 0:
		return err.Error()
	case 1:
		return lines[0]
	default:
		return strings.Join(lines[1:], "; ")
	}
}

// boundedBuffer keeps the first bytes that are written to it, and drops the rest. It must not embed
// the buffer: io.Copy would find ReadFrom, and not call Write.
type boundedBuffer struct {
	kept       bytes.Buffer
	limit      int
	overflowed bool
}

func (b *boundedBuffer) String() string { return b.kept.String() }

var _ io.Writer = (*boundedBuffer)(nil)

// Write never fails, so that the program does not die of a broken pipe.
func (b *boundedBuffer) Write(p []byte) (int, error) {
	keep := p
	if room := b.limit - b.kept.Len(); len(keep) > room {
		keep, b.overflowed = keep[:room], true
	}
	b.kept.Write(keep)
	return len(p), nil
}
