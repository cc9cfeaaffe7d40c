// Package audit writes down who changed what, from where, and who was turned away: JSON lines in a file that is only appended to,
// rotated by size, and read back newest first.
//
// A change is written down before it is stored, so that nothing is mirrored that the log does not know; what cannot be written down
// is refused. If storing it then fails, another record of the same request says so. A record is with the kernel before its request
// is answered, which a crash of the controller cannot take back; a loss of power may take the last second, as the disk is waited
// for once a second and not once a request.
//
// The file may be moved away at any time (logrotate): the next record begins a new one. A [Log] owns one goroutine, that of Run.
package audit
