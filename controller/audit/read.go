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
	"slices"
	"time"
)

// Query selects records. A field with its zero value selects all.
type Query struct {
	Since   time.Time // at or after
	Until   time.Time // before
	Actor   string    // type, id or name
	Kind    string
	ID      string // id or name of the resource
	Outcome Outcome
	Request string // id
	Offset  int    // number of results to skip
	Limit   int    // maximum number of results
}

func (q Query) matches(r Record) bool {
	return (q.Since.IsZero() || !r.Time.Before(q.Since)) &&
		(q.Until.IsZero() || r.Time.Before(q.Until)) &&
		(q.Actor == "" || r.Actor.is(q.Actor)) &&
		(q.Kind == "" || q.Kind == r.Kind) &&
		(q.ID == "" || q.ID == r.ID || q.ID == r.Name) &&
		(q.Outcome == "" || q.Outcome == r.Outcome) &&
		(q.Request == "" || q.Request == r.RequestID)
}

// maxClockStep is how far the clock may have been set back without hiding records from Since.
const maxClockStep = time.Minute

// Read returns the selected records of changes and denials, newest first, and whether there are
// more. Lines that are not records are skipped.
func (l *Log) Read(ctx context.Context, q Query) (records []Record, more bool, err error) {
	if l == nil {
		return nil, false, nil
	}

	changes, denied, err := l.openAll()
	defer closeAll(changes, denied)
	if err != nil {
		return nil, false, err
	}

	skip := q.Offset
	both := newestFirst(recordsIn(ctx, changes, q.Since), recordsIn(ctx, denied, q.Since))
	for r, err := range both {
		switch {
		case err != nil:
			return nil, false, err
		case !q.matches(r):
		case skip > 0:
			skip--
		case q.Limit > 0 && len(records) == q.Limit:
			return records, true, nil
		default:
			records = append(records, r)
		}
	}

	return records, false, nil
}

// recordsIn yields the records of files, each file from its end, until they are too old. It ends
// after the first error.
func recordsIn(ctx context.Context, files []*os.File, since time.Time) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for _, f := range files {
			for line, err := range linesBackwards(f) {
				if err != nil {
					yield(Record{}, fmt.Errorf("audit log: %w", err))
					return
				}

				if ctx.Err() != nil {
					yield(Record{}, ctx.Err())
					return
				}

				var r Record
				if json.Unmarshal(line, &r) != nil {
					continue
				}
				if r.Time.Before(since.Add(-maxClockStep)) || !yield(r, nil) {
					return
				}
			}
		}
	}
}

// newestFirst merges two sequences of records, each of which has the newest first.
func newestFirst(a, b iter.Seq2[Record, error]) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		nextA, stopA := iter.Pull2(a)
		defer stopA()
		nextB, stopB := iter.Pull2(b)
		defer stopB()

		ra, errA, okA := nextA()
		rb, errB, okB := nextB()
		for okA || okB {
			fromA := okA && (!okB || errA != nil || !ra.Time.Before(rb.Time))
			if fromA {
				if !yield(ra, errA) || errA != nil {
					return
				}
				ra, errA, okA = nextA()
				continue
			}

			if !yield(rb, errB) || errB != nil {
				return
			}

			rb, errB, okB = nextB()
		}
	}
}

// openAll opens the files of both journals, newest first. It holds mu, so that no file is rotated
// meanwhile.
func (l *Log) openAll() (changes, denied []*os.File, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if changes, err = l.changes.openFilesLocked(); err != nil {
		return changes, nil, err
	}
	denied, err = l.denied.openFilesLocked()
	return changes, denied, err
}

// openFilesLocked opens all files of a journal, newest first.
func (j *journal) openFilesLocked() ([]*os.File, error) {
	var files []*os.File
	for i := range j.keep + 1 {
		f, err := os.Open(j.fileName(i))
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

func closeAll(lists ...[]*os.File) {
	for _, f := range slices.Concat(lists...) {
		_ = f.Close()
	}
}

// blockSize is how much is read at a time, in bytes.
const blockSize = 64 << 10

// linesBackwards yields the lines of a file from the last to the first. A line is valid until the
// next one is asked for.
func linesBackwards(f *os.File) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		end, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			yield(nil, err)
			return
		}

		// tail is what was read and not yielded. Its first line may begin in the next block.
		var tail []byte
		for end > 0 {
			begin := max(0, end-blockSize)
			block := make([]byte, end-begin, int(end-begin)+len(tail))
			if _, err := f.ReadAt(block, begin); err != nil && !errors.Is(err, io.EOF) {
				yield(nil, err)
				return
			}

			tail = append(block, tail...)
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
