// Package packaging holds the files that ship beside the programs: the systemd unit, the
// configuration file of a first installation, the description and the scripts of the Debian
// package, and alert rules and a dashboard for monitoring. It has no code. Its test installs the
// package into a root of its own.
package packaging
