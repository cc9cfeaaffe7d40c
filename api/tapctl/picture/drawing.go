package picture

import (
	"strings"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/format"
	"github.com/tapline-sdn/tapline/api/tapctl/kind"
)

// canvas is a language that drawings are written in. Ids are free text.
type canvas interface {
	// beginHost and endHost enclose what is on a host.
	beginHost(name, label string)
	endHost()
	node(n node)
	edge(e edge)
}

// node is a box of a drawing. Nodes without a status are bridges.
type node struct {
	id, label string
	shape     shape
	status    api.Status
}

type shape int

const (
	bridgeShape shape = iota
	sourceShape
	serviceShape
)

// edge is a line of a drawing: the way of a tap flow's copies or, without a status, the link
// between a bridge and a source.
type edge struct {
	from, to string
	label    string
	tunnel   bool
	status   api.Status
}

// draw draws a topology.
func draw(c canvas, t Topology) {
	for _, h := range t.Hosts {
		label := h.Name + " " + string(h.Status)
		if len(h.MayStillCopy) > 0 {
			label += "\nmay still copy for " + strings.Join(h.MayStillCopy, ", ")
		}
		c.beginHost(h.Name, label)
		for _, bridge := range h.Bridges {
			drawBridge(c, h, bridge)
		}
		for _, s := range h.Services {
			c.node(serviceNode(s))
		}
		c.endHost()
	}

	for _, s := range t.Unplaced.Services {
		c.node(serviceNode(s))
	}

	for _, f := range t.Unplaced.Flows {
		c.node(sourceNode(f))
		c.edge(flowEdge(f))
	}
}

func drawBridge(c canvas, h Host, b Bridge) {
	id := "bridge " + h.Name + " " + b.Name
	c.node(
		node{id: id, label: format.Join(b.Name, strings.Join(b.Wires, ", ")), shape: bridgeShape})

	for _, f := range b.Flows {
		c.node(sourceNode(f))
		c.edge(edge{from: id, to: sourceID(f)})
		c.edge(flowEdge(f))
	}
}

func sourceID(f Flow) string { return "source " + f.ID }

func sourceNode(f Flow) node {
	return node{id: sourceID(f), label: f.Source, shape: sourceShape, status: f.Status}
}

func serviceNode(s Service) node {
	return node{
		id:     "service " + s.Name,
		label:  s.Name + "\n" + s.Type + " " + s.Target,
		shape:  serviceShape,
		status: s.Status,
	}
}

func flowEdge(f Flow) edge {
	return edge{
		from:   sourceID(f),
		to:     "service " + f.Service,
		label:  f.Name + "\n" + f.Direction + " " + string(f.Status),
		tunnel: f.Tunnel,
		status: f.Status,
	}
}

// colours are those of statuses.
var colours = map[api.Status]string{
	api.Ready: "darkgreen", api.Error: "red", api.Pending: "orange", api.Disabled: "gray",
	kind.Deleting: "orange",
}
