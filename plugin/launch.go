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

// answerTimeout bounds a plugin's start and each call of the handshake.
const answerTimeout = 10 * time.Second

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
	if err := checkTempDir(os.TempDir()); err != nil {
		return nil, err
	}

	// The plugin ends when the controller's end of the lifeline is closed, however the controller
	// ends. The plugin's end is closed here once the plugin has inherited it.
	pluginEnd, controllerEnd, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = pluginEnd.Close() }()

	cmd := spec.command(binary, pluginEnd)
	stderr := &lineWriter{log: func(line string) {
		spec.Logger.Warn("plugin says", "plugin", spec.Name, "line", line)
	}}
	client := hplugin.NewClient(clientConfig(cmd, stderr))
	p := &Process{client: client, command: cmd, stderr: stderr, lifeline: controllerEnd}

	// go-plugin waits for the handshake without ctx.
	stop := context.AfterFunc(ctx, client.Kill)
	defer stop()

	if err := p.handshake(ctx, prepare); err != nil {
		p.Kill()
		return nil, err
	}
	return p, nil
}

// checkTempDir checks that a Unix socket can be made in a directory: the plugin listens on one in
// its temporary directory, and says little if it cannot.
func checkTempDir(dir string) error {
	wrap := func(err error) error {
		// The path of the trial says nothing to the reader; the directory and the cause do.
		if number := syscall.Errno(0); errors.As(err, &number) {
			err = number
		}
		return fmt.Errorf("no socket can be made in the temporary directory %s: %w; "+
			"set TMPDIR to another directory", dir, err)
	}

	trial, err := os.MkdirTemp(dir, "plugin")
	if err != nil {
		return wrap(err)
	}
	defer func() { _ = os.RemoveAll(trial) }()

	listener, err := net.Listen("unix", filepath.Join(trial, "s"))
	if err != nil {
		return wrap(err)
	}
	return listener.Close()
}

func clientConfig(cmd *exec.Cmd, stderr *lineWriter) *hplugin.ClientConfig {
	return &hplugin.ClientConfig{
		HandshakeConfig:  Handshake,
		Plugins:          hplugin.PluginSet{pluginName: &grpcPlugin{}},
		Cmd:              cmd,
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     answerTimeout,
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
