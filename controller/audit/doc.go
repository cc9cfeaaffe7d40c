// Package audit records who changed what and from where, and which requests were denied. The log is
// a file of JSON lines that is only appended to, rotated by size, and read back newest first.
//
// A change is recorded before it is stored, so that nothing is mirrored that the log does not know.
// A change that cannot be recorded is refused. If storing fails afterwards, another record of the
// same request says so. A record has reached the kernel before its request is answered, so a crash
// of the controller loses none. A power failure may lose the last second: the file is synced to
// disk once a second, and not once a request.
//
// The file may be moved away at any time (logrotate); the next record starts a new file. A [Log]
// owns one goroutine, that of Run.
package audit
