package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"log/syslog"
	"sync/atomic"
)

// syslogQueue is how many records may wait for a slow syslog. Further ones are dropped and counted:
// the files have them.
const syslogQueue = 1024

// Syslog sends copies of records to a syslog, as JSON with the facility authpriv and the tag
// tapline-audit.
type Syslog struct {
	writer  *syslog.Writer
	logger  *slog.Logger
	queue   chan Record
	dropped atomic.Int64
}

// DialSyslog connects to a syslog. Network is "udp" or "tcp" with an address HOST:PORT, or "" for
// the syslog of this machine, which may be journald.
func DialSyslog(network, address string, logger *slog.Logger) (*Syslog, error) {
	w, err := syslog.Dial(network, address, syslog.LOG_AUTHPRIV|syslog.LOG_NOTICE, "tapline-audit")
	if err != nil {
		return nil, fmt.Errorf("connect to syslog: %w", err)
	}
	return &Syslog{writer: w, logger: logger, queue: make(chan Record, syslogQueue)}, nil
}

// send queues a record. It never blocks.
func (s *Syslog) send(r Record) {
	if s == nil {
		return
	}
	select {
	case s.queue <- r:
	default:
		s.dropped.Add(1)
	}
}

// run sends the queued records until ctx ends, and then what is still queued.
func (s *Syslog) run(ctx context.Context) {
	if s == nil {
		return
	}
	defer func() { _ = s.writer.Close() }()

	for {
		select {
		case r := <-s.queue:
			s.write(r)
		case <-ctx.Done():
			for {
				select {
				case r := <-s.queue:
					s.write(r)
				default:
					return
				}
			}
		}
	}
}

func (s *Syslog) write(r Record) {
	if n := s.dropped.Swap(0); n > 0 {
		s.logger.Warn("syslog is too slow for the audit log", "dropped", n)
	}

	line, err := json.Marshal(r)
	if err != nil {
		return // The files refused it, too.
	}

	if err := s.writer.Notice(string(line)); err != nil {
		s.logger.Warn("a record of the audit log could not be sent to syslog", "error", err)
	}
}
