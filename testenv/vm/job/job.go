// Package job is what the virtual machine's init is told, and how it says that it is done.
package job

// Path is where the job is in the machine's file system, as JSON.
const Path = "/job.json"

// Exit precedes the program's exit code on the last line that the machine sends.
const Exit = "vm: exit code "

// Fault precedes why the program was not run, on the last line that the machine sends.
const Fault = "vm: fault: "

// Job is what a machine does.
type Job struct {
	// Modules are files below /modules, in the order in which they load.
	Modules []string `json:"modules"`
	// Command is the program and its arguments.
	Command []string `json:"command"`
	// Env is the program's whole environment.
	Env []string `json:"env"`
	// Dir is where it starts.
	Dir string `json:"dir"`
	// Terminal is the device that the program writes to.
	Terminal string `json:"terminal"`
}
