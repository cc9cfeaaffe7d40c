package engine

import "github.com/tapline-sdn/tapline/controller/engine/intent"

// refs is a set that is walked through often: unlike a map it is no larger than what it has, however much it once had. The zero value is empty.
type refs struct {
	all  map[intent.Ref]struct{}
	most int // that it had since it was made
}

func (r *refs) add(id intent.Ref) {
	if r.all == nil {
		r.all = map[intent.Ref]struct{}{}
	}
	r.all[id] = struct{}{}
	r.most = max(r.most, len(r.all))
}

func (r *refs) remove(id intent.Ref) {
	delete(r.all, id)
	if small := len(r.all); r.most > 64 && small < r.most/4 {
		all := make(map[intent.Ref]struct{}, small)
		for id := range r.all {
			all[id] = struct{}{}
		}
		r.all, r.most = all, small
	}
}
