package openflow

import (
	"fmt"

	"github.com/tapline-sdn/tapline/openflow/wire"
)

// ErrorType is the class of an error message (7.5.4.1, enum ofp_error_type).
type ErrorType uint16

// Types of errors.
const (
	ErrorHelloFailed         ErrorType = 0
	ErrorBadRequest          ErrorType = 1
	ErrorBadAction           ErrorType = 2
	ErrorBadInstruction      ErrorType = 3
	ErrorBadMatch            ErrorType = 4
	ErrorFlowModFailed       ErrorType = 5
	ErrorGroupModFailed      ErrorType = 6
	ErrorPortModFailed       ErrorType = 7
	ErrorTableModFailed      ErrorType = 8
	ErrorQueueOpFailed       ErrorType = 9
	ErrorSwitchConfigFailed  ErrorType = 10
	ErrorRoleRequestFailed   ErrorType = 11
	ErrorMeterModFailed      ErrorType = 12
	ErrorTableFeaturesFailed ErrorType = 13
	ErrorExperimenter        ErrorType = 0xffff
)

// Error reports that a message was refused (7.5.4.1). It has the xid of the
// message.
type Error struct {
	ErrType ErrorType
	// Code is of the type; for ErrorExperimenter it is the experimenter's type.
	Code         uint16
	Experimenter uint32 // ErrorExperimenter only.
	// Data is at least 64 bytes of the refused message, or the text of
	// ErrorHelloFailed. For an experimenter's error Open vSwitch puts further fields of
	// the error in front.
	Data []byte
}

// Codes of errors that are about roles (7.3.9).
const (
	BadRequestIsSlave uint16 = 10 // ErrorBadRequest: a slave may only read.
	RoleStale         uint16 = 0  // ErrorRoleRequestFailed: the generation is an older one.
)

// Codes of experimenter errors for bundles (EXT-230).
const (
	BundleErrUnknown     uint16 = 2300
	BundleErrBadID       uint16 = 2302
	BundleErrExist       uint16 = 2303
	BundleErrMsgConflict uint16 = 2311
	BundleErrMsgFailed   uint16 = 2313
	BundleErrTimeout     uint16 = 2314
)

// IsSlave reports whether a message was refused since its sender is a slave, which may only read
// (6.3.6).
func (m *Error) IsSlave() bool {
	return m.ErrType == ErrorBadRequest && m.Code == BadRequestIsSlave
}

// Type implements [Message].
func (*Error) Type() Type { return TypeError }

func (m *Error) appendBody(b []byte, _ uint32) ([]byte, error) {
	b = be.AppendUint16(be.AppendUint16(b, uint16(m.ErrType)), m.Code)
	if m.ErrType == ErrorExperimenter {
		b = be.AppendUint32(b, m.Experimenter)
	}
	return append(b, m.Data...), nil
}

func parseError(c *wire.Cursor) Message {
	m := &Error{ErrType: ErrorType(c.Uint16("type")), Code: c.Uint16("code")}
	if m.ErrType == ErrorExperimenter {
		m.Experimenter = c.Uint32("experimenter")
	}

	m.Data = c.Rest()
	return m
}

// String names type and code as the specification does, such as
// "OFPET_FLOW_MOD_FAILED OFPFMFC_TABLE_FULL".
func (m *Error) String() string {
	if m.ErrType == ErrorExperimenter {
		if name, ok := experimenterErrors[experimenterError{m.Experimenter, m.Code}]; ok {
			return name
		}
		return fmt.Sprintf("experimenter %#x error %d", m.Experimenter, m.Code)
	}
	if int(m.ErrType) >= len(errorNames) {
		return fmt.Sprintf("error type %d code %d", m.ErrType, m.Code)
	}

	e := errorNames[m.ErrType]
	if int(m.Code) >= len(e.codes) {
		return fmt.Sprintf("%s code %d", e.name, m.Code)
	}

	return e.name + " " + e.prefix + e.codes[m.Code]
}

// errorNames is indexed by ErrorType; codes by Error.Code (7.5.4.1 ff.).
var errorNames = [...]struct {
	name, prefix string
	codes        []string
}{
	{"OFPET_HELLO_FAILED", "OFPHFC_", []string{"INCOMPATIBLE", "EPERM"}},
	{"OFPET_BAD_REQUEST", "OFPBRC_", []string{
		"BAD_VERSION", "BAD_TYPE", "BAD_MULTIPART", "BAD_EXPERIMENTER", "BAD_EXP_TYPE", "EPERM",
		"BAD_LEN", "BUFFER_EMPTY", "BUFFER_UNKNOWN", "BAD_TABLE_ID", "IS_SLAVE", "BAD_PORT",
		"BAD_PACKET", "MULTIPART_BUFFER_OVERFLOW"}},
	{"OFPET_BAD_ACTION", "OFPBAC_", []string{
		"BAD_TYPE", "BAD_LEN", "BAD_EXPERIMENTER", "BAD_EXP_TYPE", "BAD_OUT_PORT", "BAD_ARGUMENT",
		"EPERM", "TOO_MANY", "BAD_QUEUE", "BAD_OUT_GROUP", "MATCH_INCONSISTENT",
		"UNSUPPORTED_ORDER", "BAD_TAG", "BAD_SET_TYPE", "BAD_SET_LEN", "BAD_SET_ARGUMENT"}},
	{"OFPET_BAD_INSTRUCTION", "OFPBIC_", []string{
		"UNKNOWN_INST", "UNSUP_INST", "BAD_TABLE_ID", "UNSUP_METADATA", "UNSUP_METADATA_MASK",
		"BAD_EXPERIMENTER", "BAD_EXP_TYPE", "BAD_LEN", "EPERM"}},
	{"OFPET_BAD_MATCH", "OFPBMC_", []string{
		"BAD_TYPE", "BAD_LEN", "BAD_TAG", "BAD_DL_ADDR_MASK", "BAD_NW_ADDR_MASK", "BAD_WILDCARDS",
		"BAD_FIELD", "BAD_VALUE", "BAD_MASK", "BAD_PREREQ", "DUP_FIELD", "EPERM"}},
	{"OFPET_FLOW_MOD_FAILED", "OFPFMFC_", []string{
		"UNKNOWN", "TABLE_FULL", "BAD_TABLE_ID", "OVERLAP", "EPERM", "BAD_TIMEOUT", "BAD_COMMAND",
		"BAD_FLAGS"}},
	{"OFPET_GROUP_MOD_FAILED", "OFPGMFC_", []string{
		"GROUP_EXISTS", "INVALID_GROUP", "WEIGHT_UNSUPPORTED", "OUT_OF_GROUPS", "OUT_OF_BUCKETS",
		"CHAINING_UNSUPPORTED", "WATCH_UNSUPPORTED", "LOOP", "UNKNOWN_GROUP", "CHAINED_GROUP",
		"BAD_TYPE", "BAD_COMMAND", "BAD_BUCKET", "BAD_WATCH", "EPERM"}},
	{"OFPET_PORT_MOD_FAILED", "OFPPMFC_", []string{
		"BAD_PORT", "BAD_HW_ADDR", "BAD_CONFIG", "BAD_ADVERTISE", "EPERM"}},
	{"OFPET_TABLE_MOD_FAILED", "OFPTMFC_", []string{"BAD_TABLE", "BAD_CONFIG", "EPERM"}},
	{"OFPET_QUEUE_OP_FAILED", "OFPQOFC_", []string{"BAD_PORT", "BAD_QUEUE", "EPERM"}},
	{"OFPET_SWITCH_CONFIG_FAILED", "OFPSCFC_", []string{"BAD_FLAGS", "BAD_LEN", "EPERM"}},
	{"OFPET_ROLE_REQUEST_FAILED", "OFPRRFC_", []string{"STALE", "UNSUP", "BAD_ROLE"}},
	{"OFPET_METER_MOD_FAILED", "OFPMMFC_", []string{
		"UNKNOWN", "METER_EXISTS", "INVALID_METER", "UNKNOWN_METER", "BAD_COMMAND", "BAD_FLAGS",
		"BAD_RATE", "BAD_BURST", "BAD_BAND", "BAD_BAND_VALUE", "OUT_OF_METERS", "OUT_OF_BANDS"}},
	{"OFPET_TABLE_FEATURES_FAILED", "OFPTFFC_", []string{
		"BAD_TABLE", "BAD_METADATA", "BAD_TYPE", "BAD_LEN", "BAD_ARGUMENT", "EPERM"}},
}

type experimenterError struct {
	experimenter uint32
	code         uint16
}

// experimenterErrors names the errors of EXT-230 (2300 and up).
var experimenterErrors = func() map[experimenterError]string {
	m := map[experimenterError]string{}
	for i, name := range []string{
		"UNKNOWN", "EPERM", "BAD_ID", "BUNDLE_EXIST", "BUNDLE_CLOSED", "OUT_OF_BUNDLES",
		"BAD_TYPE", "BAD_FLAGS", "MSG_BAD_LEN", "MSG_BAD_XID", "MSG_UNSUP", "MSG_CONFLICT",
		"MSG_TOO_MANY", "MSG_FAILED", "TIMEOUT", "BUNDLE_IN_PROGRESS",
	} {
		code := BundleErrUnknown + uint16(i)
		m[experimenterError{wire.ExperimenterONF, code}] = "ONF_ET_BUNDLE_FAILED OFPBFC_" + name
	}

	return m
}()
