package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// Verification is what [Verify] found.
type Verification struct {
	Files       int
	Records     int    // that are part of the chain
	First, Last uint64 // numbers of the first and the last record
	Unchained   int    // records of releases before the chain, at the beginning
	// CutOff are lines that a crash has cut off. The chain is whole without them.
	CutOff []string
	// Faults are places where the chain is broken, each as FILE:LINE: what is wrong.
	Faults []string
}

// maxFaults bounds the faults that are reported.
const maxFaults = 100

// Verify checks the chain of changes in a log. The path names a file, or a folder that has an
// audit.log with its older files. An error means that the files cannot be read.
func Verify(path string) (Verification, error) {
	files, err := chainFiles(path)
	if err != nil {
		return Verification{}, err
	}

	var v verifier
	for _, file := range files {
		if err := v.file(file); err != nil {
			return Verification{}, err
		}
	}

	return v.found, nil
}

// oldFile matches the name of an older file.
var oldFile = regexp.MustCompile(`^audit\.log\.([0-9]+)$`)

// chainFiles returns the files of a log, oldest first.
func chainFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}

	if !info.IsDir() {
		return []string{path}, nil
	}

	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}

	var numbers []int
	for _, e := range entries {
		if m := oldFile.FindStringSubmatch(e.Name()); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil {
				numbers = append(numbers, n)
			}
		}
	}

	slices.Sort(numbers)
	slices.Reverse(numbers)

	var files []string
	for _, n := range numbers {
		files = append(files, filepath.Join(path, fmt.Sprintf("audit.log.%d", n)))
	}

	current := filepath.Join(path, "audit.log")
	if _, err := os.Stat(current); err == nil {
		files = append(files, current)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}

	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no audit.log", path)
	}

	return files, nil
}

// verifier walks through the lines of a log, oldest first.
type verifier struct {
	found Verification
	last  link
}

func (v *verifier) file(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()

	v.found.Files++

	lines := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			v.line(fmt.Sprintf("%s:%d", path, n), line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}

		if err != nil {
			return err
		}
	}
}

func (v *verifier) fault(where, format string, args ...any) {
	if len(v.found.Faults) < maxFaults {
		text := where + ": " + fmt.Sprintf(format, args...)
		v.found.Faults = append(v.found.Faults, text)
	}
}

// line checks one line and makes it the end of the chain.
func (v *verifier) line(where string, line []byte) {
	var r chainedRecord
	if err := json.Unmarshal(line, &r); err != nil {
		v.found.CutOff = append(v.found.CutOff, where)
		return
	}

	if r.Seq == 0 || r.Hash == "" {
		if v.last.Seq > 0 {
			v.fault(where, "a record without a hash, after record %d: it was inserted", v.last.Seq)
		} else {
			v.found.Unchained++
		}
		return
	}

	// The first record names the hash before it. Nothing can be said of the records that are gone.
	begin := v.last.Seq == 0
	prev := v.last.Hash
	if begin {
		prev = r.Prev
		v.found.First = r.Seq
	}

	switch {
	case !begin && r.Seq <= v.last.Seq:
		v.fault(where, "record %d stands after record %d: it was inserted or moved",
			r.Seq, v.last.Seq)
	case !begin && r.Seq > v.last.Seq+1:
		v.fault(where, "records %d to %d are missing", v.last.Seq+1, r.Seq-1)
	case begin && r.Seq > 1 && r.Prev == "":
		v.fault(where, "the records before %d are missing from the file", r.Seq)
	case begin && r.Seq == 1 && r.Prev != zeroHash:
		v.fault(where, "record 1 does not begin the chain: it was altered")
	default:
		body, ok := bodyOf(line, r.Hash)
		if !ok || hashOf(prev, body) != r.Hash || r.Prev != "" && r.Prev != prev {
			v.fault(where, "record %d, or the one before it, was altered", r.Seq)
		}
	}

	v.found.Records++
	v.found.Last = r.Seq
	v.last = r.link
}
