//go:build linux

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/client"
	"github.com/tapline-sdn/tapline/testenv/lab"
)

const (
	// A change shows in existing traffic within 100 ms. Tests log the time that it took, and allow
	// more on busy machines.
	latestCopy = 2 * time.Second // after the answer to what enables
	lastCopy   = time.Second     // after the answer to what disables
)

// busy changes flows while 1,000 frames a second go between the guests without pause, from before
// any flow exists.
func (s *stage) busy(t *testing.T) {
	for _, where := range []string{"local", "remote"} {
		collector := s.collectors()[where]
		for _, c := range []struct {
			name string
			// setUp makes flows and returns a function that silences web's copies while db's go on
			setUp func(t *testing.T, to *sink) (silence func() error)
		}{
			{"disable flow", func(t *testing.T, to *sink) func() error {
				f := s.busyFlow(t, to, vnic(s.web, "BOTH"))
				return func() error {
					_, err := s.api.TapFlows().Disable(deadline(t), f.ID,
						client.Wait(answerTime))
					return err
				}
			}},
			{"delete flow", func(t *testing.T, to *sink) func() error {
				f := s.busyFlow(t, to, vnic(s.web, "OUT"))
				return func() error {
					return s.api.TapFlows().Delete(deadline(t), f.ID, client.Wait(answerTime))
				}
			}},
			{"disable service", func(t *testing.T, to *sink) func() error {
				s.busyFlow(t, to, vnic(s.web, "OUT"))
				return func() error {
					_, err := s.api.TapServices().Disable(deadline(t), to.ID,
						client.Wait(answerTime))
					return err
				}
			}},
			{"narrow BOTH to IN", func(t *testing.T, to *sink) func() error {
				f := s.busyFlow(t, to, vnic(s.web, "BOTH"))
				return func() error {
					in := "IN"
					_, err := s.api.TapFlows().Update(deadline(t), f.ID,
						api.TapFlowPatch{Direction: &in}, client.Wait(answerTime))
					return err
				}
			}},
			{"narrow a switch to a VLAN", func(t *testing.T, to *sink) func() error {
				f := s.busyFlow(t, to, vswitch(s.h1, lab.Wire, 0, "BOTH"))
				return func() error {
					_, err := s.api.TapFlows().Update(deadline(t), f.ID,
						api.TapFlowPatch{VLANID: api.Set(77)}, client.Wait(answerTime))
					return err
				}
			}},
			{"delete one flow of two", func(t *testing.T, to *sink) func() error {
				s.flow(t, to, vnic(s.acc, "BOTH"))
				f := s.busyFlow(t, to, vnic(s.web, "BOTH"))
				return func() error {
					return s.api.TapFlows().Delete(deadline(t), f.ID, client.Wait(answerTime))
				}
			}},
		} {
			s.run(t, where+" "+c.name, func(t *testing.T) { s.busyCase(t, collector(t), c.setUp) })
		}

		for name, setUp := range map[string]func(t *testing.T, to *sink) (start func() error){
			"enable": func(t *testing.T, to *sink) func() error {
				f := s.busyFlow(t, to, vnic(s.web, "OUT"))
				_, err := s.api.TapFlows().Disable(deadline(t), f.ID, client.Wait(answerTime))
				must(t, err)
				return func() error {
					_, err := s.api.TapFlows().Enable(deadline(t), f.ID,
						client.Wait(answerTime))
					return err
				}
			},
			"widen IN to BOTH": func(t *testing.T, to *sink) func() error {
				f := s.busyFlow(t, to, vnic(s.web, "IN"))
				return func() error {
					both := "BOTH"
					_, err := s.api.TapFlows().Update(deadline(t), f.ID,
						api.TapFlowPatch{Direction: &both}, client.Wait(answerTime))
					return err
				}
			},
			"widen a VLAN to the switch": func(t *testing.T, to *sink) func() error {
				f := s.busyFlow(t, to, vswitch(s.h1, lab.Wire, 77, "BOTH"))
				return func() error {
					_, err := s.api.TapFlows().Update(deadline(t), f.ID,
						api.TapFlowPatch{VLANID: api.Field[int]{Given: true}},
						client.Wait(answerTime))
					return err
				}
			},
		} {
			s.run(t, where+" "+name, func(t *testing.T) { s.busyStart(t, collector(t), setUp) })
		}

		s.run(t, where+" exact within a running stream",
			func(t *testing.T) { s.busyLoss(t, collector(t)) })
	}
}

// busyFlow makes a flow without disturbing what the switches have cached.
func (s *stage) busyFlow(t *testing.T, to *sink, f api.TapFlowCreate) api.TapFlow {
	t.Helper()
	return s.flowAs(t, to.ID, f)
}

func (s *stage) busyCase(t *testing.T, to *sink, setUp func(*testing.T, *sink) func() error) {
	source := capture(t, s.web.Node, "eth0", lab.Out)
	tag, _ := stream(t, s.web, s.app.MAC(), 1000)
	firstOf(t, source, tag, time.Now()) // it runs

	before := s.cached(t, s.web.MAC(), s.app.MAC())

	asked := time.Now()
	silence := setUp(t, to)
	answered := time.Now()
	first := firstOf(t, to.Capture, tag, asked)
	t.Logf("answer %v after the question, first copy %v after the answer", answered.Sub(asked),
		first.Sub(answered))

	if late := first.Sub(answered); late > latestCopy {
		t.Errorf("the first copy came %v after the answer", late)
	}

	must(t, silence())
	answered = time.Now()
	firstOf(t, source, tag, answered.Add(lastCopy+200*time.Millisecond)) // it still runs
	last := lastOf(to.Capture, tag)
	t.Logf("last copy %v after the answer", last.Sub(answered))
	if late := last.Sub(answered); late > lastCopy {
		t.Errorf("copies still came %v after the answer", late)
	}
	if now := s.cached(t, s.web.MAC(), s.app.MAC()); !slices.Equal(before, now) {
		t.Errorf("the datapath does %q with the stream, and did %q before it was mirrored", now,
			before)
	}
}

// busyStart runs a stream that starts before the change that begins to mirror it.
func (s *stage) busyStart(t *testing.T, to *sink, setUp func(*testing.T, *sink) func() error) {
	source := capture(t, s.web.Node, "eth0", lab.Out)
	tag, _ := stream(t, s.web, s.app.MAC(), 1000)
	start := setUp(t, to)
	// it runs, and the switch has cached it
	firstOf(t, source, tag, time.Now().Add(100*time.Millisecond))
	if last := lastOf(to.Capture, tag); time.Since(last) < 50*time.Millisecond {
		t.Fatalf("copies come already")
	}

	asked := time.Now()
	must(t, start())
	answered := time.Now()
	first := firstOf(t, to.Capture, tag, asked)
	t.Logf("answer %v after the question, first copy %v after the answer", answered.Sub(asked),
		first.Sub(answered))

	if late := first.Sub(answered); late > latestCopy {
		t.Errorf("the first copy came %v after the answer", late)
	}
}

// cached are the actions that the first host's datapath has cached for frames from one station to
// another.
func (s *stage) cached(t *testing.T, from, to lab.MAC) []string {
	t.Helper()
	text, err := s.h1.AppCtl("dpctl/dump-flows")
	must(t, err)
	var all []string
	for line := range strings.Lines(text) {
		_, actions, is := strings.Cut(strings.TrimSpace(line), "actions:")
		if is && strings.Contains(line, "src="+from.String()) &&
			strings.Contains(line, "dst="+to.String()) {
			all = append(all, actions)
		}
	}

	slices.Sort(all)
	return slices.Compact(all)
}

// busyLoss shows that from the first copy of a stream on, every frame is copied exactly once.
func (s *stage) busyLoss(t *testing.T, to *sink) {
	source := capture(t, s.web.Node, "eth0", lab.Out)
	tag, traffic := stream(t, s.web, s.app.MAC(), 1000)
	s.busyFlow(t, to, vnic(s.web, "OUT"))
	first := firstOf(t, to.Capture, tag, time.Time{})
	firstOf(t, source, tag, first.Add(500*time.Millisecond))
	err := traffic.Stop()
	must(t, err)
	must(t, source.WaitQuiet(deadline(t), quiet))
	must(t, to.WaitQuiet(deadline(t), quiet))
	if wrong := missed(source, to.Capture, tag); wrong != "" {
		t.Error(wrong)
	}
}
