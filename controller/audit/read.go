package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"time"
)

// Query chooses records; what is zero chooses all.
type Query struct {
	Since   time.Time // not before
	Until   time.Time // before
	Actor   string    // type, id or name
	Kind    string
	ID      string // id or name of the resource
	Outcome Outcome
	Request string // id
	Offset  int    // how many are skipped
	Limit   int    // at most
}

func (q Query) matches(r Record) bool {
	return (q.Since.IsZero() || !r.Time.Before(q.Since)) &&
		(q.Until.IsZero() || r.Time.Before(q.Until)) &&
		(q.Actor == "" || q.Actor == r.Actor.Type || q.Actor == r.Actor.ID || q.Actor == r.Actor.Name) &&
		(q.Kind == "" || q.Kind == r.Kind) &&
		(q.ID == "" || q.ID == r.ID || q.ID == r.Name) &&
		(q.Outcome == "" || q.Outcome == r.Outcome) &&
		(q.Request == "" || q.Request == r.RequestID)
}

// clockStep is how far a clock may have been set back for Since to find all.
const clockStep = time.Minute

// Read returns records, the newest first, and whether there are more. Lines that are no records are passed over.
func (l *Log) Read(ctx context.Context, q Query) (records []Record, more bool, err error) {
	if l == nil {
		return nil, false, nil
	}
	files, err := l.openAll()
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	if err != nil {
		return nil, false, err
	}
	for _, f := range files {
		for line, err := range backwards(f) {
			if err != nil {
				return nil, false, fmt.Errorf("audit log: %w", err)
			}
			if ctx.Err() != nil {
				return nil, false, ctx.Err()
			}
			var r Record
			if json.Unmarshal(line, &r) != nil {
				continue
			}
			if r.Time.Before(q.Since.Add(-clockStep)) {
				return records, false, nil
			}
			if !q.matches(r) {
				continue
			}
			if q.Offset > 0 {
				q.Offset--
				continue
			}
			if q.Limit > 0 && len(records) == q.Limit {
				return records, true, nil
			}
			records = append(records, r)
		}
	}
	return records, false, nil
}

// openAll opens all files, the newest first, so that none is moved between two.
func (l *Log) openAll() ([]*os.File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var files []*os.File
	for i := range l.opts.Keep + 1 {
		f, err := os.Open(l.name(i))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return files, fmt.Errorf("audit log: %w", err)
		}
		files = append(files, f)
	}
	return files, nil
}

const block = 64 << 10

// backwards yields the lines of a file from the last to the first. A line is valid until the next is asked for.
func backwards(f *os.File) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		end, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			yield(nil, err)
			return
		}
		var tail []byte // the beginning of it may be missing
		for end > 0 {
			begin := max(0, end-block)
			chunk := make([]byte, end-begin, int(end-begin)+len(tail))
			if _, err := f.ReadAt(chunk, begin); err != nil && !errors.Is(err, io.EOF) {
				yield(nil, err)
				return
			}
			tail = append(chunk, tail...)
			end = begin
			for {
				i := bytes.LastIndexByte(tail, '\n')
				if i < 0 {
					break
				}
				if line := tail[i+1:]; len(line) > 0 && !yield(line, nil) {
					return
				}
				tail = tail[:i]
			}
		}
		if len(tail) > 0 {
			yield(tail, nil)
		}
	}
}
