package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	hplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// Spec says which plugin to run and how.
type Spec struct {
	Name   string
	Path   string
	SHA256 string // hexadecimal checksum of the binary; "" checks nothing
	Config []byte // JSON for [Mirror.Configure]
	Logger *slog.Logger
	// Renew returns what the specification is by now, when the plugin is reloaded. If nil, it is the same.
	Renew func() (Spec, error)
}

// answerTime bounds a plugin's start and each call that should be answered at once.
const answerTime = 10 * time.Second

// killTime is how long a plugin may take to end of its own.
const killTime = 3 * time.Second

// Process is a running plugin.
type Process struct {
	Mirror
	Description Description
	client      *hplugin.Client
	command     *exec.Cmd
	stderr      *lineWriter
	lifeline    *os.File
}

// Launch starts a plugin and configures it. A configuration that the plugin refuses is a *ConfigError.
func Launch(ctx context.Context, spec Spec) (*Process, error) {
	return launch(ctx, spec, func(ctx context.Context, m Mirror) error { return m.Configure(ctx, spec.Config) })
}

// Describe starts a plugin, asks it who it is, and ends it. It is not configured.
func Describe(ctx context.Context, spec Spec) (Description, error) {
	p, err := launch(ctx, spec, func(context.Context, Mirror) error { return nil })
	if err != nil {
		return Description{}, err
	}
	defer p.Kill()
	return p.Description, nil
}

// launch starts a plugin, and prepares it once it answers.
func launch(ctx context.Context, spec Spec, prepare func(context.Context, Mirror) error) (*Process, error) {
	where := fmt.Sprintf("plugin %s (%s)", spec.Name, spec.Path)
	info, err := os.Stat(spec.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no such file; set plugins[].path to the binary: %w", where, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", where, err)
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return nil, fmt.Errorf("%s: the file is not executable", where)
	}
	var secure *hplugin.SecureConfig
	if spec.SHA256 != "" {
		sum, err := hex.DecodeString(spec.SHA256)
		if err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("%s: sha256 %q: want 64 hexadecimal digits", where, spec.SHA256)
		}
		secure = &hplugin.SecureConfig{Checksum: sum, Hash: sha256.New()}
	}
	// The plugin ends when the other end of its lifeline is closed, however this process ends.
	lifeline, held, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	defer func() { _ = lifeline.Close() }() // The plugin has its own by then.
	cmd := exec.Command(spec.Path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // So that Kill reaches what it starts, too.
	cmd.ExtraFiles = []*os.File{lifeline}
	cmd.Env = []string{lifelineKey + "=3"} // The first of ExtraFiles, see os/exec.
	stderr := &lineWriter{log: func(line string) { spec.Logger.Warn("plugin says", "plugin", spec.Name, "line", line) }}
	client := hplugin.NewClient(&hplugin.ClientConfig{
		HandshakeConfig:  Handshake,
		Plugins:          hplugin.PluginSet{pluginName: &glue{}},
		Cmd:              cmd,
		SecureConfig:     secure,
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     answerTime,
		Stderr:           stderr,
		Logger:           hclog.NewNullLogger(),
		AllowedProtocols: []hplugin.Protocol{hplugin.ProtocolGRPC},
		GRPCDialOptions: []grpc.DialOption{grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage))},
	})
	p := &Process{client: client, command: cmd, stderr: stderr, lifeline: held}
	stop := context.AfterFunc(ctx, client.Kill) // It waits for the handshake without ctx.
	defer stop()
	if err := p.handshake(ctx, prepare); err != nil {
		p.Kill()
		if errors.Is(err, hplugin.ErrChecksumsDoNotMatch) {
			return nil, fmt.Errorf("%s: the binary's SHA-256 is not %s: %w", where, spec.SHA256, err)
		}
		return nil, fmt.Errorf("%s: %w", where, firstLine{err})
	}
	return p, nil
}

func (p *Process) handshake(ctx context.Context, prepare func(context.Context, Mirror) error) error {
	protocol, err := p.client.Client()
	if err != nil {
		return fmt.Errorf("it did not start as a mirror plugin: %w", err)
	}
	raw, err := protocol.Dispense(pluginName)
	if err != nil {
		return err
	}
	mirror, ok := raw.(Mirror)
	if !ok {
		return fmt.Errorf("it speaks %T, not the mirror contract", raw)
	}
	p.Mirror = mirror
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if p.Description, err = mirror.Describe(ctx); err != nil {
		return err
	}
	return prepare(ctx, mirror)
}

// Kill ends the process, and waits until it is gone. What it has started and left behind is killed if it keeps the plugin's output
// open, as a script's commands do.
func (p *Process) Kill() {
	if p.command.Process != nil {
		// go-plugin first asks the process to end, and waits for that answer, and for the end of its output, without a limit.
		force := time.AfterFunc(killTime, func() { _ = syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL) })
		defer force.Stop()
	}
	p.client.Kill()
	_ = p.lifeline.Close() // The plugin is gone, or is told so now.
	p.stderr.flush()
}

// Exited reports whether the process is known to have ended.
func (p *Process) Exited() bool { return p.client.Exited() }

// firstLine keeps an error to one line; go-plugin explains itself over several.
type firstLine struct{ err error }

func (e firstLine) Error() string {
	line, _, _ := strings.Cut(strings.TrimSpace(e.err.Error()), "\n")
	return strings.TrimSpace(line)
}

func (e firstLine) Unwrap() error { return e.err }

// lineWriter hands on each line; a line longer than its bound comes in pieces.
type lineWriter struct {
	mu      sync.Mutex
	pending []byte
	log     func(string)
}

const maxLine = 4096

// Write implements io.Writer.
func (w *lineWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range b {
		if c == '\n' || len(w.pending) == maxLine {
			w.emit()
		}
		if c != '\n' {
			w.pending = append(w.pending, c)
		}
	}
	return len(b), nil
}

func (w *lineWriter) emit() {
	if line := strings.TrimSpace(string(w.pending)); line != "" {
		w.log(line)
	}
	w.pending = w.pending[:0]
}

func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.emit()
}
