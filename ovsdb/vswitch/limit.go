package vswitch

import (
	"errors"

	"github.com/tapline-sdn/tapline/ovsdb"
)

// ErrTooLarge says that a database is larger than that of any real switch: its server is broken or
// hostile. The connection is of no use.
var ErrTooLarge = errors.New("the database is larger than that of any switch")

const (
	// maxRows is enough for 32,000 ports, each with its interface.
	maxRows = 1 << 16
	// maxSize bounds the values of all rows, as JSON, in bytes. A port with
	// its interface has some 500.
	maxSize = 32 << 20
	// measureAfter is how many bytes of updates may come between measurements.
	measureAfter = 16 << 20
)

// size is the size of the values of all rows, as JSON, in bytes.
func (s *Snapshot) size() int {
	m := s.model
	return sizeOf(m.systems, s.systems) + sizeOf(m.datapaths, s.datapaths) +
		sizeOf(m.bridges, s.bridges) + sizeOf(m.ports, s.ports) +
		sizeOf(m.interfaces, s.interfaces) + sizeOf(m.mirrors, s.mirrors) +
		sizeOf(m.controllers, s.controllers) +
		sizeOf(m.managers, s.managers)
}

func sizeOf[T Row](t *table[T], rows tree[*T]) (size int) {
	var text []byte
	for _, row := range rows.all() {
		for _, c := range t.columns {
			if c.empty(row) {
				continue
			}

			// Encoding cannot fail: the value was read from JSON.
			if b, err := ovsdb.AppendValue(text[:0], c.value(row)); err == nil {
				text = b
				size += len(b)
			}
		}
	}

	return size
}
