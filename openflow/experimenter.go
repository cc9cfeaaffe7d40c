package openflow

import "github.com/tapline-sdn/tapline/openflow/wire"

// Experimenter is a message of an experimenter that this package does not know
// (7.5.4).
type Experimenter struct {
	Experimenter uint32
	ExpType      uint32
	Data         []byte
}

// Type implements [Message].
func (*Experimenter) Type() Type { return TypeExperimenter }

func (m *Experimenter) appendBody(b []byte, _ uint32) ([]byte, error) {
	return append(appendExperimenter(b, m.Experimenter, m.ExpType), m.Data...), nil
}

func appendExperimenter(b []byte, experimenter, expType uint32) []byte {
	return be.AppendUint32(be.AppendUint32(b, experimenter), expType)
}

// Types of the ONF's extensions to OpenFlow 1.3 (EXT-187, EXT-191, EXT-230).
const (
	onfFlowMonitorCancel  = 1870
	onfFlowMonitorPaused  = 1871
	onfFlowMonitorResumed = 1872
	onfRoleStatus         = 1911
	onfBundleControl      = 2300
	onfBundleAdd          = 2301
)

func parseExperimenter(c *wire.Cursor) Message {
	experimenter, typ := c.Uint32("experimenter"), c.Uint32("exp_type")
	if experimenter == wire.ExperimenterONF {
		switch typ {
		case onfFlowMonitorCancel:
			return parseFlowMonitorCancel(c)
		case onfFlowMonitorPaused:
			return empty[FlowMonitorPaused](c)
		case onfFlowMonitorResumed:
			return empty[FlowMonitorResumed](c)
		case onfRoleStatus:
			return parseRoleStatus(c)
		case onfBundleControl:
			return parseBundleControl(c)
		case onfBundleAdd:
			return parseBundleAdd(c)
		}
	}

	if experimenter == wire.ExperimenterNicira && typ == niciraSetControllerID {
		return parseSetControllerID(c)
	}

	return &Experimenter{experimenter, typ, c.Rest()}
}
