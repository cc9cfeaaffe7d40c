//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tapline-sdn/tapline/api"
)

// writers is the number of clients that write at the same time.
const writers = 16

// throughput is measurement 6: requests per second with many flows stored, and what lists do to
// writes. The hosts of the flows are not there, so no switch is involved.
func (b *bench) throughput(ctx context.Context) (err error) {
	n := pick(b.quick, 10, 1000)
	f, err := b.fleet(ctx, 1, usual)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()

	for len(f.Hosts) < n { // Stored without a switch: only their flows matter here.
		f.Hosts = append(f.Hosts, f.Hosts[0])
	}
	defer func() { f.Hosts = f.Hosts[:1] }()
	dir := filepath.Join(b.work, "api")
	if err := f.storeIntent(ctx, dir, n); err != nil {
		return err
	}
	if err := f.launch(ctx, dir, n); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.stop()) }()

	guests := pick(b.quick, 20, 500)
	if err := f.declareGuests(ctx, guests); err != nil {
		return err
	}
	if err := f.measureCreates(ctx, guests); err != nil {
		return err
	}
	if err := f.measureLists(ctx); err != nil {
		return err
	}
	return f.measureCreatesBesideLists(ctx, guests)
}

// declareGuests declares the guests that the new flows mirror.
func (f *fleet) declareGuests(ctx context.Context, guests int) error {
	for g := range guests {
		mac := fmt.Sprintf("52:54:02:00:%02x:%02x", g>>8, g&255)
		_, err := f.api.Guests().Create(ctx, api.GuestCreate{
			Name: fmt.Sprintf("more-%d", g), NICs: []api.GuestNICCreate{{MAC: mac}},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// stored is how many flows the store holds before requests are measured.
func (f *fleet) stored() int { return f.n * f.flows }

// measureCreates creates flows by one client and by several.
func (f *fleet) measureCreates(ctx context.Context, guests int) error {
	for _, clients := range []int{1, writers} {
		took, each, err := f.create(ctx, guests, clients)
		if err != nil {
			return err
		}
		f.b.table.add(fmt.Sprintf("creates, %d flows stored, %d clients", f.stored(), clients),
			perSecond(len(each), took), "each "+each.String())
		f.b.figures.addTimes(fmt.Sprintf("create, %d clients", clients), each...)
	}
	return nil
}

// measureLists lists everything and parts of it.
func (f *fleet) measureLists(ctx context.Context) error {
	stored := f.stored()
	for _, how := range []struct {
		name string
		list func() error
	}{
		{fmt.Sprintf("lists of all of %d flows", stored),
			func() error { return f.read(ctx, listPath, io.Discard) }},
		{"the same, also read by the Go client", func() error {
			list, err := f.api.TapFlows().List(ctx)
			if err == nil && len(list.TapFlows) < stored {
				err = fmt.Errorf("a list has %d flows of %d", len(list.TapFlows), stored)
			}
			return err
		}},
		{"lists of 50 of them", func() error {
			return f.read(ctx, listPath+fmt.Sprintf("?limit=50&offset=%d", stored/2), io.Discard)
		}},
		{"lists of those of one service", func() error {
			return f.read(ctx, listPath+"?tap_id="+serviceName(0, 0), io.Discard)
		}},
	} {
		if err := f.repeat(how.name+", 1 client", pick(f.b.quick, 3, 50), how.list); err != nil {
			return err
		}
	}
	return nil
}

// measureCreatesBesideLists creates flows while two other clients list everything.
func (f *fleet) measureCreatesBesideLists(ctx context.Context, guests int) error {
	listing, stop := context.WithCancel(ctx)
	var busy sync.WaitGroup
	var listed atomic.Int64
	for range 2 {
		busy.Go(func() {
			for listing.Err() == nil {
				if err := f.read(listing, listPath, io.Discard); err == nil {
					listed.Add(1)
				}
			}
		})
	}

	begin := time.Now()
	took, times, err := f.create(ctx, guests, writers)
	during := time.Since(begin)
	stop()
	busy.Wait()
	if err != nil {
		return err
	}

	f.b.table.add(fmt.Sprintf("creates, %d clients, while 2 others list", writers),
		perSecond(len(times), took),
		fmt.Sprintf("each %s; %s lists meanwhile", times, perSecond(int(listed.Load()), during)))
	return nil
}

const listPath = api.Prefix + "/tap_flows"

// repeat sends a request several times and reports how long each took and how much processor time
// the controller spent on it.
func (f *fleet) repeat(name string, times int, do func() error) error {
	var each sample
	before, _ := f.usage()
	begin := time.Now()
	for range times {
		called := time.Now()
		if err := do(); err != nil {
			return err
		}
		each = append(each, time.Since(called))
	}

	after, _ := f.usage()
	spent := after.since(before).cpu / time.Duration(times)
	f.b.table.add(name, perSecond(times, time.Since(begin)),
		fmt.Sprintf("each %s; %.1f ms of the controller's processor time", each,
			float64(spent)/float64(time.Millisecond)))

	return nil
}

// create creates a flow for each guest, by several clients, and deletes them.
func (f *fleet) create(ctx context.Context, guests, clients int) (took time.Duration, each sample,
	err error) {
	todo := make(chan int, guests)
	for g := range guests {
		todo <- g
	}
	close(todo)

	var mu sync.Mutex
	var working sync.WaitGroup
	begin := time.Now()
	for range clients {
		working.Go(func() {
			for g := range todo {
				called := time.Now()
				_, failed := f.api.TapFlows().Create(ctx, api.TapFlowCreate{
					Name: fmt.Sprintf("more-%d", g), TapID: serviceName(g%f.n, 0), Type: "vnic",
					GuestID: fmt.Sprintf("more-%d", g),
				})
				mu.Lock()
				each = append(each, time.Since(called))
				err = errors.Join(err, failed)
				mu.Unlock()
			}
		})
	}

	working.Wait()
	took = time.Since(begin)
	for g := range guests {
		err = errors.Join(err, f.api.TapFlows().Delete(ctx, fmt.Sprintf("more-%d", g)))
	}

	return took, slices.Clip(each), err
}

func perSecond(n int, took time.Duration) string {
	return fmt.Sprintf("%.0f a second", float64(n)/took.Seconds())
}
