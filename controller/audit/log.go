package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options are the limits of a log. The zero value stands for the defaults.
type Options struct {
	MaxSize int64 // size at which a new file is started, in bytes; 0: 16 MiB
	Keep    int   // number of older files, named .1 (the newest) and so on; 0: 9
	Logger  *slog.Logger
	Now     func() time.Time
}

const (
	defaultSize  = 16 << 20
	defaultKeep  = 9
	syncInterval = time.Second
)

// Log is an audit log. A nil Log accepts every record and keeps none. Its methods may be called
// concurrently.
type Log struct {
	path string
	opts Options

	mu    sync.Mutex
	file  *os.File // nil: the next record opens it
	dirty bool     // there are records that were not synced to disk
	err   error    // of the last write
}

// Open opens the log in a file. It creates the file with mode 0600 if it does not exist; the folder
// must exist.
func Open(path string, opts Options) (*Log, error) {
	if opts.MaxSize == 0 {
		opts.MaxSize = defaultSize
	}
	if opts.Keep == 0 {
		opts.Keep = defaultKeep
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}

	l := &Log{path: path, opts: opts}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l, l.openLocked()
}

// openLocked opens the file, and ends a line that a crash has cut off.
func (l *Log) openLocked() error {
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	if err := prepareFile(f, filepath.Dir(l.path)); err != nil {
		return errors.Join(fmt.Errorf("audit log %s: %w", l.path, err), f.Close())
	}
	l.file = f
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

// Change records a change that is about to be stored for the request that ctx carries. If it
// returns an error, the change must not be stored.
func (l *Log) Change(ctx context.Context, c Change) error {
	if l == nil {
		return nil
	}

	request := requestOf(ctx)
	r := request.Record()
	r.Change, r.Outcome, r.Status = c, Success, request.Success
	// An update may have a more precise name, such as enable.
	if action := c.Action(); action != "update" || r.Action == "" {
		r.Action = action
	}

	if err := l.Write(r); err != nil {
		return fmt.Errorf("the change is refused, since it cannot be recorded: %w", err)
	}
	request.changed.Store(true)
	return nil
}

// Write appends a record with the present time. It logs a failure, which Err returns until a record
// is written successfully.
func (l *Log) Write(r Record) error {
	if l == nil {
		return nil
	}
	r.trim()

	l.mu.Lock()
	defer l.mu.Unlock()
	r.Time = l.opts.Now().UTC()
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("audit log: a record has no JSON form: %w", err)
	}

	if err := l.appendLocked(append(line, '\n')); err != nil {
		l.err = err
		l.opts.Logger.Error("the audit log cannot be written", "error", err)
		return err
	}
	if l.err != nil {
		l.opts.Logger.Info("the audit log can be written again", "path", l.path)
	}
	l.err, l.dirty = nil, true
	return nil
}

// appendLocked writes a whole line or nothing.
func (l *Log) appendLocked(line []byte) error {
	size, err := l.prepareLocked(len(line))
	if err != nil {
		return err
	}

	n, err := l.file.Write(line)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("audit log: %w", err)
	if n > 0 {
		err = errors.Join(err, l.file.Truncate(size))
	}
	l.closeLocked() // The next record checks everything again.
	return err
}

// prepareLocked makes sure that the open file is the one at the path and has room for so many
// bytes. It returns the file's size.
func (l *Log) prepareLocked(more int) (size int64, err error) {
	info, err := os.Stat(l.path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Errorf("audit log: %w", err)
	case err == nil && info.Size() > 0 && info.Size()+int64(more) > l.opts.MaxSize:
		l.closeLocked()
		l.rotateLocked()
	case l.file != nil:
		own, statErr := l.file.Stat()
		if err != nil || statErr != nil || !os.SameFile(own, info) {
			l.closeLocked() // Somebody has moved it.
		}
	}

	if l.file == nil {
		if err := l.openLocked(); err != nil {
			return 0, err
		}
	}
	if info, err = l.file.Stat(); err != nil {
		return 0, fmt.Errorf("audit log: %w", err)
	}
	return info.Size(), nil
}

// rotateLocked renames each file to the next number; the last one is overwritten. If that fails,
// the present file grows beyond its limit.
func (l *Log) rotateLocked() {
	for i := l.opts.Keep; i > 0; i-- {
		err := os.Rename(l.fileName(i-1), l.fileName(i))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.opts.Logger.Error("the audit log cannot be rotated", "error", err)
			return
		}
	}
}

// fileName returns the path of a file: 0 is the one that is written to.
func (l *Log) fileName(i int) string {
	if i == 0 {
		return l.path
	}
	return fmt.Sprintf("%s.%d", l.path, i)
}

// closeLocked syncs the file to disk and closes it.
func (l *Log) closeLocked() {
	if l.file == nil {
		return
	}
	if err := errors.Join(l.file.Sync(), l.file.Close()); err != nil {
		l.opts.Logger.Error("the end of the audit log may be lost", "error", err)
	}
	l.file, l.dirty = nil, false
}

// Err returns why the last record could not be written, or nil. It locks mu.
func (l *Log) Err() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Run syncs the file to disk once a second, until ctx ends.
func (l *Log) Run(ctx context.Context) {
	tick := time.NewTicker(syncInterval)
	defer tick.Stop()

	for {
		select {
		case <-tick.C:
			l.sync()
		case <-ctx.Done():
			return
		}
	}
}

// sync syncs the file to disk. It does not hold mu while it waits, so records can be written.
func (l *Log) sync() {
	l.mu.Lock()
	f, dirty := l.file, l.dirty
	l.dirty = false
	l.mu.Unlock()
	if !dirty || f == nil {
		return
	}

	err := f.Sync()
	if err == nil || errors.Is(err, os.ErrClosed) { // closeLocked has synced it.
		return
	}
	l.opts.Logger.Error("the end of the audit log may be lost", "error", err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = fmt.Errorf("audit log: %w", err)
}

// Close closes the file. A later record opens it again.
func (l *Log) Close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeLocked()
}
