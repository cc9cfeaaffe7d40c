//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tapline-sdn/tapline/api/client"
)

// controller is a running tapline and the plugin that it started.
type controller struct {
	api     *client.Client
	http    *http.Transport
	cmd     *exec.Cmd
	ended   chan struct{}
	dataDir string
	log     string
	started time.Time
}

// place says where a controller runs.
type place struct {
	command func(ctx context.Context, name string, args ...string) *exec.Cmd
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	api     int    // port
	of      int    // port
	dataDir string // "": a new one
}

// start starts a controller and waits until it takes requests.
func (b *bench) start(ctx context.Context, at place) (*controller, error) {
	dir, err := os.MkdirTemp(b.work, "controller")
	if err != nil {
		return nil, err
	}

	c := &controller{
		dataDir: at.dataDir, log: filepath.Join(dir, "log"), ended: make(chan struct{}),
		http: &http.Transport{DialContext: at.dial, MaxIdleConnsPerHost: 256},
	}
	if c.dataDir == "" {
		c.dataDir = filepath.Join(dir, "data")
	}

	config := filepath.Join(dir, "tapline.yaml")
	text := fmt.Sprintf("data_dir: %s\napi: {listen: 127.0.0.1:%d}\n"+
		"openflow: {listen: 0.0.0.0:%d}\n", c.dataDir, at.api, at.of)

	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}

	c.cmd = at.command(context.WithoutCancel(ctx), filepath.Join(b.bin, "tapline"), "serve",
		"--config", config)
	if err := c.launch(); err != nil {
		return nil, err
	}

	server := fmt.Sprintf("http://127.0.0.1:%d", at.api)
	if err := until(ctx, 30*time.Second, func() error { return c.ready(ctx, server) }); err != nil {
		text, _ := os.ReadFile(c.log)
		return nil, errors.Join(fmt.Errorf("start the controller: %w\n%s", err, text), c.stop())
	}

	return c, nil
}

// launch starts the process. It writes its log until it ends.
func (c *controller) launch() error {
	out, err := os.Create(c.log)
	if err != nil {
		return err
	}
	defer out.Close()

	c.cmd.Stdout, c.cmd.Stderr = out, out
	if c.cmd.SysProcAttr == nil {
		c.cmd.SysProcAttr = &syscall.SysProcAttr{}
	}

	// The kernel shares processors among sessions; with one of its own the controller gets a full
	// share however many switches run (see package dummy).
	c.cmd.SysProcAttr.Setsid = true
	c.started = time.Now()
	if err := c.cmd.Start(); err != nil {
		return err
	}

	go func() {
		_ = c.cmd.Wait() // The log says how it ended.
		close(c.ended)
	}()

	return nil
}

// ready makes the client as soon as the admin token is there, and returns nil once the controller
// takes requests.
func (c *controller) ready(ctx context.Context, server string) error {
	select {
	case <-c.ended:
		return errors.New("it has ended")
	default:
	}

	token, err := os.ReadFile(filepath.Join(c.dataDir, "admin.token"))
	if err != nil {
		return err
	}

	c.api, err = client.New(client.Config{
		Server: server, Token: strings.TrimSpace(string(token)),
		HTTPClient: &http.Client{Transport: c.http}, Timeout: time.Minute,
	})
	if err != nil {
		return err
	}

	return c.api.Ready(ctx)
}

// stop ends the controller; its plugin ends with it.
func (c *controller) stop() error {
	c.http.CloseIdleConnections()
	err := c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.ended:
	case <-time.After(20 * time.Second):
		err = errors.Join(errors.New("the controller does not end"), c.cmd.Process.Kill())
		<-c.ended
	}

	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}

	return err
}

// until calls a function every few milliseconds until it returns nil or the time is up.
func until(ctx context.Context, limit time.Duration, try func() error) error {
	return untilEvery(ctx, 5*time.Millisecond, limit, try)
}

func untilEvery(ctx context.Context, pause, limit time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}
