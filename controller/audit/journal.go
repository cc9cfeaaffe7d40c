package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// journal is a series of files: the one that is written to, and older ones, named .1 (the newest)
// and so on. Methods that end in Locked expect the lock of the [Log].
type journal struct {
	path    string
	maxSize int64 // size at which a new file is started, in bytes
	keep    int   // number of older files
	// retention is how long records must be kept; 0: for ever. A ring overwrites younger ones.
	retention time.Duration
	ring      bool
	logger    *slog.Logger
	now       func() time.Time

	file    *os.File // nil: the next line opens it
	written uint64   // lines

	syncing sync.Mutex // held while the disk is waited for; locked before the lock of the Log
	synced  uint64     // lines that are on disk; guarded by the lock of the Log
}

// errFull means that all files have records that must be kept.
var errFull = errors.New("the audit log is full of records that must still be kept: " +
	"move its oldest files away, or shorten audit.retention")

// openLocked opens the file, and ends a line that a crash has cut off.
func (j *journal) openLocked() error {
	f, err := os.OpenFile(j.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if err := prepareFile(f, filepath.Dir(j.path)); err != nil {
		return errors.Join(fmt.Errorf("audit log %s: %w", j.path, err), f.Close())
	}
	j.file = f
	return nil
}

// prepareFile makes sure that a file can be appended to.
func prepareFile(f *os.File, folder string) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case info.Size() == 0:
		return syncFolder(folder) // The file may be new.
	}

	last := make([]byte, 1)
	if _, err := f.ReadAt(last, info.Size()-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		_, err = f.WriteString("\n")
	}

	return err
}

// syncFolder makes a new file's name survive a power failure.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// prepareLocked makes sure that the open file is the one at the path and has room for so many
// bytes. It returns the file's size.
func (j *journal) prepareLocked(more int) (size int64, err error) {
	info, err := os.Stat(j.path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Errorf("audit log: %w", err)
	case err == nil && info.Size() > 0 && info.Size()+int64(more) > j.maxSize:
		if err := j.rotateLocked(); err != nil {
			return 0, err
		}
	case j.file != nil:
		own, statErr := j.file.Stat()
		if err != nil || statErr != nil || !os.SameFile(own, info) {
			j.closeLocked() // Somebody has moved it.
		}
	}

	if j.file == nil {
		if err := j.openLocked(); err != nil {
			return 0, err
		}
	}
	if info, err = j.file.Stat(); err != nil {
		return 0, fmt.Errorf("audit log: %w", err)
	}

	return info.Size(), nil
}

// appendLocked writes a whole line or nothing.
func (j *journal) appendLocked(line []byte, size int64) error {
	n, err := j.file.Write(line)
	if err == nil {
		j.written++
		return nil
	}

	err = fmt.Errorf("audit log: %w", err)
	if n > 0 {
		err = errors.Join(err, j.file.Truncate(size))
	}

	j.closeLocked() // The next line checks everything again.
	return err
}

// rotateLocked starts a new file: it renames each file to the next number. The last one is removed
// if its records need not be kept any more, and otherwise the journal is full. If renaming fails,
// the present file grows beyond its limit.
func (j *journal) rotateLocked() error {
	last := j.fileName(j.keep)
	if _, err := os.Stat(last); err == nil && !j.expired(last) {
		return errFull
	}

	j.closeLocked()
	for i := j.keep; i > 0; i-- {
		err := os.Rename(j.fileName(i-1), j.fileName(i))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			j.logger.Error("the audit log cannot be rotated", "error", err)
			return nil
		}
	}

	return nil
}

// expireLocked removes the older files whose records need not be kept any more. A ring keeps its
// files.
func (j *journal) expireLocked() {
	for i := j.keep; i > 0 && !j.ring; i-- {
		path := j.fileName(i)
		if _, err := os.Stat(path); err != nil || !j.expired(path) {
			continue
		}
		if err := os.Remove(path); err != nil {
			j.logger.Error("an old file of the audit log cannot be removed", "error", err)
			continue
		}
		j.logger.Info("an old file of the audit log was removed", "path", path)
	}
}

// expired reports whether all records of a file need not be kept any more. Its last record is the
// youngest.
func (j *journal) expired(path string) bool {
	if j.ring {
		return true
	}
	if j.retention == 0 {
		return false
	}
	last, err := lastRecord(path)
	return err == nil && j.now().Sub(last.Time) > j.retention
}

// fileName returns the path of a file: 0 is the one that is written to.
func (j *journal) fileName(i int) string {
	if i == 0 {
		return j.path
	}
	return fmt.Sprintf("%s.%d", j.path, i)
}

// closeLocked syncs the file to disk and closes it.
func (j *journal) closeLocked() {
	if j.file == nil {
		return
	}
	if err := errors.Join(j.file.Sync(), j.file.Close()); err != nil {
		j.logger.Error("the end of the audit log may be lost", "error", err)
	}
	j.file, j.synced = nil, j.written
}
