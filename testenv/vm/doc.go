// Package vm runs a program on another kernel: in a virtual machine without KVM. The image has
// this machine's Open vSwitch, the tools that a lab needs, and the modules of the kernel datapath.
//
//	this machine                       virtual machine
//	Run: builds an initramfs, --boot--> init: mounts, loads modules, starts the program
//	starts QEMU, reads     <--ttyS1---- output of the program, at last its exit code
//	keeps for an error     <--ttyS0---- the kernel's messages
//
// Nothing of the image or of QEMU remains after [Run]. A machine takes one core for as long as it
// runs: run one at a time. Its clock counts instructions, so what it runs does not depend on how
// busy this machine is, except for how long it takes.
//
// [E2E] runs tests of the whole product there (package e2e), with its programs built beforehand.
package vm
