package action

import (
	"encoding/binary"
	"fmt"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// An Instruction says what happens to the packets of a flow (7.2.4). The set
// of types is sealed; what is not known is a [RawInstruction].
type Instruction interface {
	appendInstruction(b []byte) ([]byte, error)
	// String is the instruction as ovs-ofctl writes it.
	String() string
}

// Wire types of instructions (enum ofp_instruction_type).
const (
	instrGotoTable     = 1
	instrWriteMetadata = 2
	instrWriteActions  = 3
	instrApplyActions  = 4
	instrClearActions  = 5
	instrMeter         = 6
)

// GotoTable continues in a later table.
type GotoTable struct{ Table wire.TableID }

// WriteMetadata sets the bits of Mask in the metadata to those of Value.
type WriteMetadata struct{ Value, Mask uint64 }

// WriteActions merges actions into the action set.
type WriteActions []Action

// ApplyActions executes actions at once, in order.
type ApplyActions []Action

// ClearActions empties the action set.
type ClearActions struct{}

// Meter sends the packet through a meter.
type Meter struct{ ID uint32 }

// RawInstruction is an instruction that this package does not know. Data
// follows type and length; its length plus 4 must be a multiple of 8.
type RawInstruction struct {
	Type uint16
	Data string
}

var (
	_ Instruction = GotoTable{}
	_ Instruction = WriteMetadata{}
	_ Instruction = WriteActions{}
	_ Instruction = ApplyActions{}
	_ Instruction = ClearActions{}
	_ Instruction = Meter{}
	_ Instruction = RawInstruction{}
)

func (i GotoTable) appendInstruction(b []byte) ([]byte, error) {
	return appendAction8(b, instrGotoTable, uint32(i.Table)<<24), nil
}

func (i WriteMetadata) appendInstruction(b []byte) ([]byte, error) {
	b = wire.AppendZeros(appendActionHeader(b, instrWriteMetadata, 24), 4)
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, i.Value), i.Mask), nil
}

func (i WriteActions) appendInstruction(b []byte) ([]byte, error) {
	return appendActionList(b, instrWriteActions, "write_actions", i)
}

func (i ApplyActions) appendInstruction(b []byte) ([]byte, error) {
	return appendActionList(b, instrApplyActions, "apply_actions", i)
}

func (ClearActions) appendInstruction(b []byte) ([]byte, error) {
	return appendAction8(b, instrClearActions, 0), nil
}

func (i Meter) appendInstruction(b []byte) ([]byte, error) {
	return appendAction8(b, instrMeter, i.ID), nil
}

func (i RawInstruction) appendInstruction(b []byte) ([]byte, error) {
	return RawAction(i).appendAction(b)
}

func appendActionList(b []byte, typ uint16, name string, actions []Action) ([]byte, error) {
	start := len(b)
	b, err := AppendActions(wire.AppendZeros(appendActionHeader(b, typ, 0), 4), actions)
	if err != nil {
		return b, fmt.Errorf("%s: %w", name, err)
	}
	return b, wire.PutLength(b, start, start+2, name)
}

// AppendInstructions appends the wire form of a list of instructions.
func AppendInstructions(b []byte, list []Instruction) ([]byte, error) {
	var err error
	for _, i := range list {
		if i == nil {
			return b, fmt.Errorf("instruction: %w: nil", wire.ErrValue)
		}
		if b, err = i.appendInstruction(b); err != nil {
			return b, err
		}
	}

	return b, nil
}

// parseInstructions reads instructions until the window ends.
func ParseInstructions(c *wire.Cursor) []Instruction {
	if c.Len() == 0 {
		return nil
	}

	list := make([]Instruction, 0, 2)
	for c.Len() > 0 {
		list = append(list, parseInstruction(c))
	}

	return list
}

func parseInstruction(c *wire.Cursor) Instruction {
	i := c.TLV(2, 8, 8, "instruction")
	typ := i.Uint16("instruction.type")
	i.Skip(2)

	switch typ {
	case instrGotoTable:
		v := GotoTable{wire.TableID(i.Uint8("table_id"))}
		i.Skip(3)
		i.Done("goto_table")
		return v

	case instrWriteMetadata:
		i.Skip(4)
		v := WriteMetadata{i.Uint64("metadata"), i.Uint64("metadata_mask")}
		i.Done("write_metadata")
		return v

	case instrWriteActions:
		i.Skip(4)
		return WriteActions(parseActions(&i, 0))
	case instrApplyActions:
		i.Skip(4)
		return ApplyActions(parseActions(&i, 0))
	case instrClearActions:
		i.Skip(4)
		i.Done("clear_actions")
		return ClearActions{}

	case instrMeter:
		v := Meter{i.Uint32("meter_id")}
		i.Done("meter")
		return v
	}

	return RawInstruction{typ, string(i.Take(i.Len(), "instruction"))}
}
