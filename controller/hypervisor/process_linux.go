package hypervisor

import "syscall"

// processAttributes give a child a session of its own, so that neither ssh nor polkit finds a
// terminal to ask for a password on. The child is killed when this process ends.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}
