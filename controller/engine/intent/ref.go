package intent

import "github.com/tapline-sdn/tapline/plugin/tap"

// Ref names a tap service or a tap flow.
type Ref struct {
	Kind tap.Kind
	ID   string
}

// ServiceRef names a tap service.
func ServiceRef(id string) Ref { return Ref{tap.KindService, id} }

// FlowRef names a tap flow.
func FlowRef(id string) Ref { return Ref{tap.KindFlow, id} }
