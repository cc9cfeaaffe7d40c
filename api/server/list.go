package server

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api/server/listing"
)

// pieceLen is how many items of a list are read from the engine together. A change waits for one
// piece at most.
const pieceLen = 256

// checkColumns panics if the document promises a filter or an order that the list at a path does
// not have.
func checkColumns[V any](s *server, path string, list listing.List[V]) {
	parameters := s.contract.Operation(http.MethodGet, path).Parameters()

	orders := map[string]string{"order_by": "", "order": "", "limit": "", "offset": ""}
	for _, special := range listing.Special() {
		orders[special[0]] = special[1]
	}

	for name := range parameters {
		column, isOrder := orders[name]
		if !isOrder && !list.Filters(name) {
			panic(fmt.Sprintf("api/server: GET %s cannot be filtered by %s", path, name))
		}
		if column != "" && !list.Orders(column) {
			panic(fmt.Sprintf("api/server: GET %s has no %s to order by", path, column))
		}
	}

	for _, column := range parameters["order_by"] {
		if !list.Orders(fmt.Sprint(column)) {
			panic(fmt.Sprintf("api/server: GET %s cannot be ordered by %s", path, column))
		}
	}
}

func (r *resource[V, T, C, P]) serveList(s *server, c echo.Context, req request) error {
	if err := r.list.Check(req.Query); err != nil {
		return err
	}

	page := r.list.Choose(req.Query)
	if r.sample != nil && page.Len <= maxSampled {
		page = r.sampled(c, page)
	}

	return r.answerList(s, c, page)
}

// sampled returns the page with fresh counters.
func (r *resource[V, T, C, P]) sampled(c echo.Context, page listing.Page[V]) listing.Page[V] {
	views := page.Views(0, page.Len)
	refs := make([]string, len(views))
	for i, v := range views {
		refs[i] = r.id(v)
	}

	r.sampleNow(c, refs...)

	for i, ref := range refs {
		if v, err := r.get(ref); err == nil { // It may be deleted by now.
			views[i] = v
		}
	}

	page.Len, page.Views = len(views), func(from, to int) []V { return views[from:to] }
	return page
}

// answerList writes a list. It reads the page in pieces, and keeps only the JSON of each.
func (r *resource[V, T, C, P]) answerList(s *server, c echo.Context, page listing.Page[V]) error {
	buffer := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buffer)

	b := append((*buffer)[:0], `{"`+r.kind+`s":[`...)
	empty := len(b)

	for from := 0; from < page.Len; from += pieceLen {
		// The first piece tells how large the rest will be. A buffer that grows by and by is copied
		// often.
		if from > 0 {
			b = slices.Grow(b, (len(b)/from+16)*(page.Len-from))
		}

		for _, v := range page.Views(from, min(from+pieceLen, page.Len)) {
			if len(b) > empty {
				b = append(b, ',')
			}

			var err error
			if b, err = r.append(b, r.json(v)); err != nil {
				return err
			}
		}
	}

	b = strconv.AppendInt(append(b, `],"total":`...), int64(page.Total), 10)
	b = append(b, '}')
	a := recorded{etag: tagOf(b, 0), body: append(b, '\n')}
	*buffer = a.body
	return a.sendIfChanged(c)
}
