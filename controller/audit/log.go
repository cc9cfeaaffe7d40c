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

// Options are the limits of a log; the zero value takes the defaults.
type Options struct {
	MaxSize int64 // bytes after which another file is begun; 16 MiB
	Keep    int   // files beside the one that is written to, named .1 (the newest) and so on; 9
	Logger  *slog.Logger
	Now     func() time.Time
}

const (
	defaultSize = 16 << 20
	defaultKeep = 9
	syncTime    = time.Second
)

// Log is an audit log. A nil Log takes everything and keeps nothing. Its methods may be called at the same time.
type Log struct {
	path string
	opts Options

	mu    sync.Mutex
	file  *os.File // nil: the next record opens it
	dirty bool     // written to, and not yet on the disk
	err   error    // of the last attempt to write
}

// Open opens the log in a file, which is made with mode 0600 if it is not there; its folder must be.
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
	return l, l.open()
}

// open opens the file and ends a line that a crash cut off. The caller holds mu.
func (l *Log) open() error {
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err == nil && info.Size() > 0 {
		last := make([]byte, 1)
		if _, err = f.ReadAt(last, info.Size()-1); err == nil && last[0] != '\n' {
			_, err = f.WriteString("\n")
		}
	}
	if err == nil && info.Size() == 0 {
		err = syncFolder(filepath.Dir(l.path)) // It may be new.
	}
	if err != nil {
		return errors.Join(fmt.Errorf("audit log %s: %w", l.path, err), f.Close())
	}
	l.file = f
	return nil
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Change writes down a change that is about to be stored, for the request of ctx. Its error means that it must not be.
func (l *Log) Change(ctx context.Context, c Change) error {
	if l == nil {
		return nil
	}
	request := from(ctx)
	r := request.Record()
	r.Change, r.Outcome, r.Status = c, Success, request.Success
	if action := c.Action(); action != "update" || r.Action == "" { // An update may have a name of its own.
		r.Action = action
	}
	if err := l.Write(r); err != nil {
		return fmt.Errorf("nothing is changed that cannot be written down: %w", err)
	}
	request.changed.Store(true)
	return nil
}

// Write appends a record, with the present time. A failure is logged, and known to Err until a record can be written again.
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
	if err := l.append(append(line, '\n')); err != nil {
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

// append writes a line whole or not at all.
func (l *Log) append(line []byte) error {
	size, err := l.ready(len(line))
	if err != nil {
		return err
	}
	if n, err := l.file.Write(line); err != nil {
		err = fmt.Errorf("audit log: %w", err)
		if n > 0 {
			err = errors.Join(err, l.file.Truncate(size))
		}
		l.close() // The next record looks at everything again.
		return err
	}
	return nil
}

// ready makes sure that the file is the one of the path and has room, and tells its size.
func (l *Log) ready(more int) (size int64, err error) {
	info, err := os.Stat(l.path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return 0, fmt.Errorf("audit log: %w", err)
	case err == nil && info.Size()+int64(more) > l.opts.MaxSize && info.Size() > 0:
		l.close()
		l.rotate()
	case l.file != nil:
		if own, statErr := l.file.Stat(); err != nil || statErr != nil || !os.SameFile(own, info) {
			l.close() // Somebody has moved it.
		}
	}
	if l.file == nil {
		if err := l.open(); err != nil {
			return 0, err
		}
	}
	if info, err = l.file.Stat(); err != nil {
		return 0, fmt.Errorf("audit log: %w", err)
	}
	return info.Size(), nil
}

// rotate moves the files one on; the last is overwritten. If it cannot, the file grows on.
func (l *Log) rotate() {
	for i := l.opts.Keep; i > 0; i-- {
		err := os.Rename(l.name(i-1), l.name(i))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			l.opts.Logger.Error("the audit log cannot be rotated", "error", err)
			return
		}
	}
}

// name is the path of a file: 0 is the one that is written to.
func (l *Log) name(i int) string {
	if i == 0 {
		return l.path
	}
	return fmt.Sprintf("%s.%d", l.path, i)
}

// close closes the file, after what it holds is on the disk.
func (l *Log) close() {
	if l.file == nil {
		return
	}
	if err := errors.Join(l.file.Sync(), l.file.Close()); err != nil {
		l.opts.Logger.Error("the end of the audit log may be lost", "error", err)
	}
	l.file, l.dirty = nil, false
}

// Err is nil, or why the last record could not be written.
func (l *Log) Err() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Run has what was written reach the disk, once a second, until ctx ends.
func (l *Log) Run(ctx context.Context) {
	tick := time.NewTicker(syncTime)
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

// sync waits for the disk without keeping others from writing.
func (l *Log) sync() {
	l.mu.Lock()
	f, dirty := l.file, l.dirty
	l.dirty = false
	l.mu.Unlock()
	if !dirty || f == nil {
		return
	}
	err := f.Sync()
	if err == nil || errors.Is(err, os.ErrClosed) { // Who closed it has waited for the disk.
		return
	}
	l.opts.Logger.Error("the end of the audit log may be lost", "error", err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = fmt.Errorf("audit log: %w", err)
}

// Close ends the log. What is written after it opens it again.
func (l *Log) Close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.close()
}
