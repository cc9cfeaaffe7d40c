//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// controllerKey is the controller's entry in the lab's state.
const controllerKey = "controller/tapline"

// ControllerDir is where a controller that runs in the lab keeps its data and its log.
func (l *Lab) ControllerDir() string { return filepath.Join(l.Dir, "controller") }

// ControllerLog is the file that a controller of StartController logs to.
func (l *Lab) ControllerLog() string { return filepath.Join(l.Dir, "controller.log") }

// StartController starts a command of the node Controller that goes on when this process ends.
// StopController and Close end it. What it prints is appended to ControllerLog.
func (l *Lab) StartController(cmd *exec.Cmd) error {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.state.Processes[controllerKey].alive() {
		return fmt.Errorf("lab %s: a controller runs already", l.Name)
	}

	log, err := os.OpenFile(l.ControllerLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("lab %s: %w", l.Name, err)
	}
	defer log.Close()

	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true} // Ctrl-C in this terminal is not for it.
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("lab %s: start a controller: %w", l.Name, err)
	}

	started, identifyErr := identify(cmd.Process.Pid)
	l.daemons.Go(func() {
		err := cmd.Wait()
		l.log().Debug("controller ended", "lab", l.Name, "error", err)
	})
	if identifyErr != nil {
		return fmt.Errorf("lab %s: the controller ended at once: see %s", l.Name, log.Name())
	}

	l.state.Processes[controllerKey] = started
	return l.saveLocked()
}

// StopController ends the controller that StartController has started.
func (l *Lab) StopController() error {
	l.mu.Lock()
	defer l.mu.Unlock()

	controller, ok := l.state.Processes[controllerKey]
	if !ok || !controller.alive() {
		return fmt.Errorf("lab %s: %w", l.Name, ErrNoController)
	}
	if err := controller.kill(unix.SIGTERM); err != nil {
		return fmt.Errorf("lab %s: stop the controller: %w", l.Name, err)
	}

	delete(l.state.Processes, controllerKey)
	return l.saveLocked()
}

// ErrNoController says that no controller runs in a lab.
var ErrNoController = errors.New("no controller runs in it")

// ControllerRuns says whether a controller of StartController runs.
func (l *Lab) ControllerRuns() bool {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.state.Processes[controllerKey].alive()
}
