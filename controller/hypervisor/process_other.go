//go:build unix && !linux

package hypervisor

import "syscall"

// processAttributes give a child a process group of its own.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
