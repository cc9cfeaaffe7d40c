package hypervisor

import "syscall"

// processAttributes of a child: a process group of its own, and it ends with this process.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
