package hypervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tapline-sdn/tapline/plugin/sandbox"
)

const (
	maxOutput = 64 << 20 // bytes of standard output that a command may print
	maxStderr = 16 << 10 // bytes of standard error that are kept
	// pipeWait is how long other processes, such as ssh, may hold the pipes of a killed command.
	pipeWait = 2 * time.Second
)

// virsh runs virsh(1) against one host.
type virsh struct {
	path        string // of the program
	uri         string // of the host's libvirt
	environment []string
	secret      string // folder that the program must not reach; "" for none
}

// confined calls fn, which runs virsh. A libvirt that takes virsh over with a hostile answer can
// then not read the controller's secrets.
func (v virsh) confined(fn func() error) error {
	if v.secret == "" || !sandbox.Available() {
		return fn()
	}

	rest, err := sandbox.AllBut(v.secret)
	if err != nil {
		return err
	}
	return sandbox.Rules{Read: rest, Write: rest}.Do(fn)
}

// inherited are the variables that virsh, and ssh under it, take from our environment. Others, such
// as secrets of the controller, are none of their business.
var inherited = []string{
	"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
	"SSH_AUTH_SOCK", "KRB5CCNAME", "KRB5_CONFIG", "LIBVIRT_AUTH_FILE",
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
	cmd.Dir = "/"
	cmd.Env = append(slices.Clone(v.environment), "LC_ALL=C", "SSH_ASKPASS_REQUIRE=never")
	for _, name := range inherited {
		if value, set := os.LookupEnv(name); set {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}

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

	err := v.confined(cmd.Run)
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
// several lines only repeats the command, such as "Failed to attach device from /dev/stdin". The
// host chooses the words, so they are cut, and control characters are replaced.
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
		return printable(lines[0])
	default:
		return printable(strings.Join(lines[1:], "; "))
	}
}

// maxMessage bounds an error message of libvirt, in bytes.
const maxMessage = 1024

// printable cuts a text of a host, and replaces what is not printable.
func printable(s string) string {
	if len(s) > maxMessage {
		s = s[:maxMessage] + "..."
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
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
