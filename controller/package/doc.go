// Package packaging holds what ships beside the programs: the systemd unit, the configuration file that a first installation
// gets, the description of the Debian package with its scripts, and what monitoring takes. It has no code; its tests install
// the package in a root of its own.
package packaging
