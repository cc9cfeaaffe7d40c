package plugin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	hplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/tapline-sdn/tapline/plugin/sandbox"
)

// Spec says which plugin to run and how.
type Spec struct {
	Name   string
	Path   string
	SHA256 string // hexadecimal checksum of the binary; "" for none
	Config []byte // JSON for [Mirror.Configure]
	Logger *slog.Logger

	// Renew returns the current specification when the plugin is reloaded. If nil, the
	// specification never changes.
	Renew func() (Spec, error)
}

const (
	// startTimeout bounds a plugin's start. On a machine that is emulated or overloaded,
	// it has been seen to take 12 s.
	startTimeout = 30 * time.Second

	// answerTimeout bounds each call of the handshake.
	answerTimeout = 10 * time.Second
)

// Launch starts a plugin and configures it. A configuration that the plugin refuses is a
// *ConfigError.
func Launch(ctx context.Context, spec Spec) (*Process, error) {
	return launch(ctx, spec, func(ctx context.Context, m Mirror) error {
		return m.Configure(ctx, spec.Config)
	})
}

// Describe starts a plugin, asks for its description, and ends it. It does not configure the
// plugin.
func Describe(ctx context.Context, spec Spec) (Description, error) {
	p, err := launch(ctx, spec, func(context.Context, Mirror) error { return nil })
	if err != nil {
		return Description{}, err
	}

	defer p.Kill()
	return p.Description, nil
}

// launch starts a plugin, and calls prepare once the plugin answers. Errors name the plugin and fit
// on one line.
func launch(
	ctx context.Context, spec Spec, prepare func(context.Context, Mirror) error,
) (*Process, error) {
	p, err := start(ctx, spec, prepare)
	if err != nil {
		return nil, fmt.Errorf("plugin %s (%s): %w", spec.Name, spec.Path, firstLine{err})
	}
	return p, nil
}

func start(
	ctx context.Context, spec Spec, prepare func(context.Context, Mirror) error,
) (*Process, error) {
	binary, err := spec.openBinary()
	if err != nil {
		return nil, err
	}
	defer func() { _ = binary.Close() }()

	p, pluginEnd, err := spec.process(binary)
	if err != nil {
		return nil, err
	}
	// The plugin's end of the lifeline is closed here once the plugin has inherited it.
	defer func() { _ = pluginEnd.Close() }()

	// go-plugin waits for the handshake without ctx.
	stop := context.AfterFunc(ctx, p.client.Kill)
	defer stop()

	if err = p.begin(spec, binary); err == nil {
		err = p.handshake(ctx, prepare)
	}

	if err != nil {
		p.Kill()
		return nil, err
	}

	return p, nil
}

// process prepares a process with a directory for its socket and a lifeline: the plugin ends when
// the controller's end of the lifeline is closed, however the controller ends.
func (s *Spec) process(binary *os.File) (p *Process, pluginEnd *os.File, err error) {
	dir, err := makeSocketDir(os.TempDir())
	if err != nil {
		return nil, nil, err
	}

	pluginEnd, controllerEnd, err := os.Pipe()
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}

	cmd := s.command(binary, pluginEnd, dir)
	stderr := &lineWriter{log: func(line string) {
		s.Logger.Warn("plugin says", "plugin", s.Name, "line", line)
	}}

	return &Process{
		client: hplugin.NewClient(clientConfig(cmd, stderr)), command: cmd,
		stderr: stderr, lifeline: controllerEnd, dir: dir,
	}, pluginEnd, nil
}

// begin starts the process, confined where the kernel can do that.
func (p *Process) begin(spec Spec, binary *os.File) error {
	if !sandbox.Available() {
		spec.Logger.Warn("the plugin is not confined, since the kernel has no Landlock",
			"plugin", spec.Name)
	}

	err := confinement(binary, p.dir).Do(func() error {
		_, err := p.client.Start()
		return err
	})
	if err != nil {
		return fmt.Errorf("it did not start as a mirror plugin: %w", err)
	}
	return nil
}

// confinement is what a plugin's process may reach: its binary, the libraries of the system, and
// the directory of its socket. A planner needs no more, and nothing of the controller.
func confinement(binary *os.File, dir string) sandbox.Rules {
	// The file at the binary's path could be another one by now.
	opened := fmt.Sprintf("/proc/self/fd/%d", binary.Fd())

	return sandbox.Rules{
		Read:  append(sandbox.Programs(), opened),
		Write: []string{dir},
		Alone: true,
	}
}

// makeSocketDir makes the directory in which a plugin listens on a Unix socket, and tries whether a
// socket can be made there: a plugin says little if it cannot.
func makeSocketDir(temporary string) (string, error) {
	wrap := func(err error) error {
		// The path of the trial says nothing to the reader; the directory and the cause do.
		if number := syscall.Errno(0); errors.As(err, &number) {
			err = number
		}
		return fmt.Errorf("no socket can be made in the temporary directory %s: %w; "+
			"set TMPDIR to another directory", temporary, err)
	}

	dir, err := os.MkdirTemp(temporary, "tapline-")
	if err != nil {
		return "", wrap(err)
	}

	const likeItsOwn = "plugin4294967295"
	listener, err := net.Listen("unix", filepath.Join(dir, likeItsOwn))
	if err == nil {
		err = listener.Close()
	}

	if err != nil {
		return "", errors.Join(wrap(err), os.RemoveAll(dir))
	}

	return dir, nil
}

func clientConfig(cmd *exec.Cmd, stderr *lineWriter) *hplugin.ClientConfig {
	return &hplugin.ClientConfig{
		HandshakeConfig:  Handshake,
		Plugins:          hplugin.PluginSet{pluginName: &grpcPlugin{}},
		Cmd:              cmd,
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     startTimeout,
		Stderr:           stderr,
		Logger:           hclog.NewNullLogger(),
		AllowedProtocols: []hplugin.Protocol{hplugin.ProtocolGRPC},
		GRPCDialOptions: []grpc.DialOption{grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage))},
	}
}

// firstLine cuts an error's text to one line; go-plugin explains itself over several.
type firstLine struct{ err error }

func (e firstLine) Error() string {
	line, _, _ := strings.Cut(strings.TrimSpace(e.err.Error()), "\n")
	return strings.TrimSpace(line)
}

func (e firstLine) Unwrap() error { return e.err }
