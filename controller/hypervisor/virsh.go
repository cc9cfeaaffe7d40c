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
	maxOutput   = 64 << 20 // bytes that a command may print
	maxComplain = 16 << 10 // bytes of its complaints that are kept
	// waitOutput is how long the pipes of a command that was killed may stay open by others, such as ssh.
	waitOutput = 2 * time.Second
)

// virsh runs virsh(1) against one host.
type virsh struct {
	path string // of the program
	uri  string // of the host's libvirt
}

// virshError is a command that failed.
type virshError struct {
	words string // libvirt's own
	err   error
}

func (e *virshError) Error() string { return e.words }
func (e *virshError) Unwrap() error { return e.err }

// command prepares virsh. It gets a session of its own, so that what it starts, such as ssh, ends with it and asks nobody for
// passwords, and ends with this process, however that ends. (With -q it would print no line ends after echo.)
func (v virsh) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, v.path, append([]string{"-c", v.uri}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SSH_ASKPASS_REQUIRE=never") // Its words are read, and shown; nobody answers questions.
	cmd.SysProcAttr = processAttributes()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = waitOutput
	return cmd
}

// run executes one command within a deadline and returns what it printed; stdin is what it reads from /dev/stdin.
func (v virsh) run(ctx context.Context, limit time.Duration, stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := v.command(ctx, args...)
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	out, complaints := &bounded{limit: maxOutput}, &bounded{limit: maxComplain}
	cmd.Stdout, cmd.Stderr = out, complaints
	err := cmd.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "", &virshError{fmt.Sprintf("no answer within %v", limit), ctx.Err()}
	}
	if err == nil && out.full {
		err = fmt.Errorf("it printed more than %d MiB", maxOutput>>20)
	}
	if err != nil {
		return "", &virshError{words(complaints.String(), err), err}
	}
	return out.String(), nil
}

// words are what libvirt says of an error: the last lines of what virsh complained of. The first only says what was asked for,
// such as "Failed to attach device from /dev/stdin".
func words(complaints string, err error) string {
	if missing := (*exec.Error)(nil); errors.As(err, &missing) {
		return fmt.Sprintf("%s cannot be executed (%v); install libvirt's clients on the controller's machine", missing.Name, missing.Err)
	}
	var said []string
	for line := range strings.Lines(complaints) {
		if line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "error:")); line != "" {
			said = append(said, line)
		}
	}
	switch {
	case len(said) == 0:
		return err.Error()
	case len(said) == 1:
		return said[0]
	}
	return strings.Join(said[1:], "; ")
}

// bounded keeps the first bytes of what is written to it, and drops the rest.
type bounded struct {
	bytes.Buffer
	limit int
	full  bool
}

var _ io.Writer = (*bounded)(nil)

// Write never fails: the program must not die of a broken pipe.
func (b *bounded) Write(p []byte) (int, error) {
	keep := p
	if room := b.limit - b.Len(); len(keep) > room {
		keep, b.full = keep[:room], true
	}
	b.Buffer.Write(keep)
	return len(p), nil
}
