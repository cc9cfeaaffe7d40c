package session

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestDispute has somebody change a mirror without pause: it is repaired ever more seldom and told,
// and all else is repaired as ever.
func TestDispute(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	d := k.use(program())
	k.ready(d)
	stop, disputed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(disputed)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := h.VSCtl("--no-wait", "set", "Mirror", "tl-1",
				"select_all=true"); err != nil {
				assert.NoError(t, err)
				return
			}
		}
	}()

	ended := false
	end := func() {
		if !ended {
			ended = true
			close(stop)
			<-disputed
		}
	}
	defer end()
	k.await("the dispute is told", func() bool {
		cap1 := k.last().Owners["cap1"]
		return cap1.State == Failed && strings.Contains(cap1.Reason,
			"somebody else changes it again and again (mirror tl-1 on br0: select_all)")
	})

	k.await("nothing is delivered of what is in dispute", func() bool {
		return strings.Contains(k.last().Owners["cap1"].Reason,
			"nothing of it is delivered meanwhile") &&
			!strings.Contains(ofctl(t, h, "dump-flows", tapBridge), "in_port=4097 ")
	})

	_, before, _ := k.told()
	for _, line := range []string{"--no-wait del-port tl-gre",
		"--no-wait set-fail-mode brtap standalone"} {
		_, drifts, _ := k.told()
		vsctl(t, h, line)
		k.await("others are repaired", func() bool {
			b, _ := k.last().Snapshot.Bridge(tapBridge)
			_, stands := k.last().Snapshot.PortByName("tl-gre")
			_, now, _ := k.told()
			return now > drifts && stands && b.FailMode == "secure" &&
				k.last().Owners["tunnel"].State == Ready
		})
	}

	_, after, _ := k.told()
	assert.Less(t, after-before, 12, "repairs while the dispute lasts")
	end()
	begin := time.Now()
	k.ready(d)
	t.Logf("ready %v after the dispute", time.Since(begin))
	standing(t, k)
	assert.Contains(t, ofctl(t, h, "dump-flows", tapBridge), "in_port=4097 ")
}

// TestIntruder: while a mirror of somebody else copies to a port of ours, nothing of that capture
// is delivered, by a new session neither; the mirror itself is left alone.
func TestIntruder(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	d := k.use(program())
	k.ready(d)
	vsctl(t, h, "--no-wait -- --id=@p get Port tlm-1 -- --id=@m create Mirror name=theirs "+
		"select_all=true output_port=@p -- add Bridge br0 mirrors @m")

	told := func() bool {
		cap1 := k.last().Owners["cap1"]
		return cap1.State == Failed && strings.Contains(cap1.Reason,
			`mirror "theirs" on bridge br0 is not ours`) &&
			k.last().Owners["tunnel"].State == Ready
	}

	k.await("the intruder is told", told)
	assert.NotContains(t, ofctl(t, h, "dump-flows", tapBridge), "in_port=4097 ")
	k.stop()
	ended(t, k)
	k = keep(t, h.OVSDB)
	d = k.use(program())
	k.await("a new session tells it", told)
	assert.NotContains(t, ofctl(t, h, "dump-flows", tapBridge), "in_port=4097 ")
	vsctl(t, h, "--no-wait -- --id=@m get Mirror theirs -- remove Bridge br0 mirrors @m")
	k.ready(d)
	assert.Contains(t, ofctl(t, h, "dump-flows", tapBridge), "in_port=4097 ")
	_, drifts, _ := k.told()
	assert.Zero(t, drifts, "nothing of ours was changed by others")
}

// TestBarred: ports that somebody bars by OpenFlow are opened again, also by a session that comes
// later.
func TestBarred(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	d := k.use(program())
	k.ready(d)
	open := func() bool {
		_, drifts, _ := k.told()
		return drifts > 0 && !strings.Contains(ofctl(t, h, "show", tapBridge), "NO_") &&
			allReady(k.last(), d)
	}

	ofctl(t, h, "mod-port", tapBridge, "tlt-1", "no-forward")
	k.await("the port is opened", open)
	k.stop()
	ended(t, k)
	ofctl(t, h, "mod-port", tapBridge, "tl-gre", "no-receive")
	k = keep(t, h.OVSDB)
	d = k.use(program())
	k.await("a new session opens the port", open)
}

// TestMarksTaken: marks that somebody takes off are put back, also by a session that has not seen
// them.
func TestMarksTaken(t *testing.T) {
	h := startHost(t)
	k := keep(t, h.OVSDB)
	d := k.use(program())
	k.ready(d)
	const lose = "--no-wait clear Bridge brtap external_ids -- clear Controller brtap " +
		"external_ids -- clear Mirror tl-1 external_ids" +
		" -- set Port tlm-1 external_ids:tapline=c2 -- clear Interface tlt-1 external_ids"
	_, before, _ := k.told()
	begin := time.Now()
	vsctl(t, h, lose)
	k.await("marks are back", func() bool {
		_, now, _ := k.told()
		b, _ := k.last().Snapshot.Bridge(tapBridge)
		p, _ := k.last().Snapshot.PortByName("tlm-1")
		return now > before && b.ExternalIDs.Get("tapline") == cluster &&
			p.ExternalIDs.Get("tapline") == cluster && allReady(k.last(), d)
	})

	t.Logf("back after %v", time.Since(begin))
	standing(t, k)
}
