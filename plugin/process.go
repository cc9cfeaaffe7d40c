package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	hplugin "github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
)

// killTimeout is how long a plugin may take to end by itself before it is killed.
const killTimeout = 3 * time.Second

// Process is a running plugin.
type Process struct {
	Mirror
	Description Description

	client   *hplugin.Client
	command  *exec.Cmd
	stderr   *lineWriter
	lifeline *os.File // the controller's end
	dir      string   // of its socket; removed with the process
}

// handshake connects to the process, asks for its description and prepares it.
func (p *Process) handshake(
	ctx context.Context, prepare func(context.Context, Mirror) error,
) error {
	protocol, err := p.client.Client()
	if err != nil {
		return fmt.Errorf("it did not start as a mirror plugin: %w", err)
	}

	if err := p.forbidCore(); err != nil {
		return err
	}

	dispensed, err := protocol.Dispense(pluginName)
	if err != nil {
		return err
	}

	mirror, ok := dispensed.(Mirror)
	if !ok {
		return fmt.Errorf("it offers %T, not the mirror contract", dispensed)
	}

	p.Mirror = mirror

	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if p.Description, err = mirror.Describe(ctx); err != nil {
		return err
	}

	return prepare(ctx, mirror)
}

// forbidCore keeps the process from leaving its memory, and so what it knows of the network, in a
// core file.
func (p *Process) forbidCore() error {
	err := unix.Prlimit(p.command.Process.Pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	if err != nil && !errors.Is(err, unix.ESRCH) { // The process may have ended.
		return fmt.Errorf("its core files cannot be forbidden: %w", err)
	}
	return nil
}

// Kill ends the process and waits until it is gone. Processes that it started and left behind are
// killed as well if they keep its output open, as the commands of a script do.
func (p *Process) Kill() {
	if p.command.Process != nil {
		// go-plugin first asks the process to end. It waits for the answer and for the end of the
		// process's output without a limit.
		group := -p.command.Process.Pid
		force := time.AfterFunc(killTimeout, func() { _ = syscall.Kill(group, syscall.SIGKILL) })
		defer force.Stop()
	}

	p.client.Kill()
	_ = p.lifeline.Close()
	_ = os.RemoveAll(p.dir)
	p.stderr.flush()
}

// Exited reports whether the process is known to have ended.
func (p *Process) Exited() bool { return p.client.Exited() }

// maxLine bounds a line of a plugin's output in octets.
const maxLine = 4096

// lineWriter passes each line to log. A line longer than maxLine comes in pieces.
type lineWriter struct {
	log func(string)

	mu      sync.Mutex
	pending []byte
}

// Write implements io.Writer.
func (w *lineWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()

	for _, c := range b {
		if c == '\n' || len(w.pending) == maxLine {
			w.logPendingLocked()
		}
		if c != '\n' {
			w.pending = append(w.pending, c)
		}
	}

	return len(b), nil
}

// flush logs what came after the last line end.
func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.logPendingLocked()
}

func (w *lineWriter) logPendingLocked() {
	if line := strings.TrimSpace(string(w.pending)); line != "" {
		w.log(line)
	}
	w.pending = w.pending[:0]
}
