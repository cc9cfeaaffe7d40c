package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Options are the limits of a log. The zero value stands for the defaults.
type Options struct {
	MaxSize int64 // size at which a new file is started, in bytes; 0: 16 MiB
	Keep    int   // number of older files of changes; 0: 63, so that all have 1 GiB
	// Retention is how long changes are kept. 0 is for ever: when the files are full, changes are
	// refused until somebody moves files away.
	Retention time.Duration
	// Syslog receives a copy of each record, as far as it keeps up; nil: nobody.
	Syslog *Syslog
	Logger *slog.Logger
	Now    func() time.Time
}

const (
	defaultSize = 16 << 20
	defaultKeep = 63

	// The rate of denials that are recorded, for all clients together.
	denialsPerSecond = 20
	denialBurst      = 1000

	syncInterval    = time.Second
	summaryInterval = 10 * time.Second
	expireInterval  = time.Hour
)

// Log is an audit log. A nil Log accepts every record and keeps none. Its methods may be called
// concurrently.
type Log struct {
	opts    Options
	wake    chan struct{} // has Run sync the changes; holds at most one
	denials *rate.Limiter

	mu      sync.Mutex
	changes journal
	denied  journal
	last    link   // the end of the chain of changes
	dropped int    // denials beyond the rate that no record has counted yet
	sample  Record // the last of them
	err     error  // of the last write of changes
}

// Open opens the log of changes at a path. Denials go to a file beside it: audit-denied.log for
// audit.log. Files are created with mode 0600 if they do not exist; their folder must exist.
func Open(path string, opts Options) (*Log, error) {
	opts.MaxSize = cmp.Or(opts.MaxSize, defaultSize)
	opts.Keep = cmp.Or(opts.Keep, defaultKeep)
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}

	l := &Log{
		opts:    opts,
		wake:    make(chan struct{}, 1),
		denials: rate.NewLimiter(denialsPerSecond, denialBurst),
		changes: journal{
			path: path, maxSize: opts.MaxSize, keep: opts.Keep, retention: opts.Retention,
			logger: opts.Logger, now: opts.Now,
		},
		denied: journal{
			path: deniedPath(path), maxSize: opts.MaxSize, keep: 1, ring: true,
			logger: opts.Logger, now: opts.Now,
		},
	}

	l.mu.Lock()
	defer l.mu.Unlock()

	var err error
	if l.last, err = l.changes.lastLinkLocked(); err != nil {
		return nil, err
	}
	if err := l.changes.openLocked(); err != nil {
		return nil, err
	}

	l.changes.expireLocked()
	return l, nil
}

// deniedPath returns the path of the denials beside a log of changes.
func deniedPath(path string) string {
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + "-denied" + ext
}

// Change records a change that is about to be stored for the request that ctx carries. If it
// returns an error, the change must not be stored. The record may not be on disk yet: see Flush.
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

// Write appends a record with the present time. Denials, refusals and requests that changed nothing
// go to the ring, and beyond its rate they are only counted. A failure to write a change is logged,
// and Err returns it until a change is written successfully.
func (l *Log) Write(r Record) error {
	if l == nil {
		return nil
	}

	r.trim()

	l.mu.Lock()
	defer l.mu.Unlock()

	r.Time = l.opts.Now().UTC()
	if r.isMinor() {
		return l.writeDenialLocked(r)
	}

	if err := l.writeChangeLocked(r); err != nil {
		l.err = err
		l.opts.Logger.Error("the audit log cannot be written", "error", err)
		return err
	}

	if l.err != nil {
		l.opts.Logger.Info("the audit log can be written again", "path", l.changes.path)
	}

	l.err = nil
	l.opts.Syslog.send(r)

	select {
	case l.wake <- struct{}{}:
	default: // Run is going to sync already.
	}

	return nil
}

// isMinor reports whether a record may be overwritten by younger ones.
func (r *Record) isMinor() bool {
	return r.Outcome == Denied || r.Outcome == Refused || r.Unchanged
}

// writeChangeLocked appends a record to the chain.
func (l *Log) writeChangeLocked(r Record) error {
	// The line's length depends on whether it begins a file. It is made again if it does.
	line, own, err := l.last.next(r, false)
	if err != nil {
		return err
	}

	size, err := l.changes.prepareLocked(len(line))
	if err != nil {
		return err
	}

	if size == 0 {
		if line, own, err = l.last.next(r, true); err != nil {
			return err
		}
	}

	if err := l.changes.appendLocked(line, size); err != nil {
		return err
	}

	l.last = own
	return nil
}

// writeDenialLocked appends a record to the ring, or counts it if there are too many.
func (l *Log) writeDenialLocked(r Record) error {
	if !l.denials.AllowN(r.Time, 1) {
		l.dropped++
		l.sample = r
		return nil
	}
	return l.appendDenialLocked(r)
}

func (l *Log) appendDenialLocked(r Record) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("audit log: a record has no JSON form: %w", err)
	}

	line = append(line, '\n')
	size, err := l.denied.prepareLocked(len(line))
	if err != nil {
		return err
	}

	l.opts.Syslog.send(r)
	return l.denied.appendLocked(line, size)
}

// Flush waits until all changes that were recorded before are on disk. Its error means that they
// may be lost.
func (l *Log) Flush() error {
	if l == nil {
		return nil
	}
	return l.sync(&l.changes)
}

// sync waits until all lines of a journal that were written before are on disk. Callers that wait
// at the same time share one wait for the disk. Lines can be written meanwhile.
func (l *Log) sync(j *journal) error {
	l.mu.Lock()
	wanted := j.written
	l.mu.Unlock()

	j.syncing.Lock()
	defer j.syncing.Unlock()

	l.mu.Lock()
	f, written, synced := j.file, j.written, j.synced
	l.mu.Unlock()
	if synced >= wanted {
		return nil
	}
	if f == nil {
		return errors.New("audit log: its file was closed after an error")
	}

	err := f.Sync()
	l.mu.Lock()
	defer l.mu.Unlock()

	if err == nil || errors.Is(err, os.ErrClosed) { // closeLocked has synced it.
		j.synced = max(j.synced, written)
		return nil
	}

	l.opts.Logger.Error("the end of the audit log may be lost", "error", err)
	l.err = fmt.Errorf("audit log: %w", err)
	return l.err
}

// Err returns why the last change could not be recorded, or nil. It locks mu.
func (l *Log) Err() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Run syncs the files to disk, counts denials beyond the rate, and removes files that need not be
// kept any more, until ctx ends.
func (l *Log) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { l.opts.Syslog.run(ctx) })

	syncTick := time.NewTicker(syncInterval)
	defer syncTick.Stop()
	summaryTick := time.NewTicker(summaryInterval)
	defer summaryTick.Stop()
	expireTick := time.NewTicker(expireInterval)
	defer expireTick.Stop()
	for {
		select {
		case <-l.wake:
			_ = l.sync(&l.changes)
		case <-syncTick.C:
			_ = l.sync(&l.changes)
			_ = l.sync(&l.denied)
		case <-summaryTick.C:
			l.summarize()
		case <-expireTick.C:
			l.mu.Lock()
			l.changes.expireLocked()
			l.mu.Unlock()
		case <-ctx.Done():
			l.summarize()
			return
		}
	}
}

// summarize records how many denials were not recorded one by one.
func (l *Log) summarize() {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.dropped == 0 {
		return
	}

	r := l.sample
	r.Time = l.opts.Now().UTC()
	r.Count = l.dropped
	r.Problem = fmt.Sprintf("%d requests were denied or refused too fast to record each; "+
		"this is the last one: %s", l.dropped, r.Problem)

	r.trim()
	if err := l.appendDenialLocked(r); err == nil {
		l.dropped = 0
	}
}

// Close closes the files. A later record opens them again.
func (l *Log) Close() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changes.closeLocked()
	l.denied.closeLocked()
}
