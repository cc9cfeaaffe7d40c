package mirror

import "github.com/tapline-sdn/tapline/plugin/filter"

// filterCache has the compiled filters of all captures. Many hosts have captures with the same
// expression, and a change of a host takes its tap flows out of their captures and puts them back,
// so an expression is compiled once for as long as it is used.
type filterCache struct {
	compiled map[string]*compiledFilter
	unused   set // expressions without a capture; they go at the end of a change
}

// compiledFilter is what became of an expression. It must not be changed.
type compiledFilter struct {
	program *filter.Program
	err     error
	users   int // captures
}

func newFilterCache() *filterCache {
	return &filterCache{compiled: map[string]*compiledFilter{}, unused: set{}}
}

// take returns an expression's filter for a capture more.
func (x *filterCache) take(expression string) *compiledFilter {
	f := x.compiled[expression]
	if f == nil {
		f = &compiledFilter{}
		f.program, f.err = filter.Compile(expression)
		x.compiled[expression] = f
	}

	f.users++
	delete(x.unused, expression)
	return f
}

// release is the reverse of take.
func (x *filterCache) release(expression string) {
	f := x.compiled[expression]
	if f == nil {
		return
	}
	if f.users--; f.users == 0 {
		x.unused.add(expression)
	}
}

// prune forgets what no capture uses.
func (x *filterCache) prune() {
	for expression := range x.unused {
		delete(x.compiled, expression)
	}
	clear(x.unused)
}
