// Package audit records who changed what and from where, and which requests were denied.
//
// The log has two series of files, of JSON lines. Both are only appended to, rotated by size, and
// read back together, newest first:
//
//   - Changes are kept for a time ([Options.Retention]). When their files are full of records that
//     are younger, further changes are refused: no record is overwritten before its time.
//   - Denials, and requests that changed nothing, go to a ring of two files. A rate limit for all
//     clients together bounds them, since anybody can cause them. What is beyond it is counted.
//
// A change is recorded before it is stored, so that nothing is mirrored that the log does not know.
// A change that cannot be recorded is refused. If storing fails afterwards, another record of the
// same request says so. The record is on disk before the request is answered: [Log.Change] starts
// the write to disk, which runs beside the commit of the store, and [Log.Flush] waits for its end.
//
// The records of changes form a chain: each one has a number, and a hash over itself and the hash
// before it. [Verify] finds records that were altered, removed or inserted. It cannot find that the
// last ones were cut off, or that all were made anew by somebody who can write the files: send a
// copy to another machine for that ([Options.Syslog]).
//
// The files may be moved away at any time (logrotate); the next record starts a new file. A [Log]
// owns the goroutine of Run, and with a syslog one more.
package audit
