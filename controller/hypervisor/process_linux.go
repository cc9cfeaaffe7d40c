package hypervisor

import "syscall"

// processAttributes of a child: a session of its own, so that neither ssh nor polkit finds a terminal to ask for a password, and
// it ends with this process.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}
