package view

import (
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/plugin/tap"
)

// Health is the state of a service, a flow or a host as users see it.
type Health struct {
	State  tap.State // disabled, pending, ready or error
	Reason string    // of pending and error: for people
	Code   tap.Code  // stable name of the reason: for programs
}

// The codes of reasons that the engine itself gives; those of the plugin are in package tap.
const (
	CodePlanning         tap.Code = "planning"          // the plugin has not answered yet
	CodeProgramming      tap.Code = "programming"       // the switch is being changed
	CodeSelectsNothing   tap.Code = "selects_nothing"   // no NIC matches the selector
	CodeHostDisconnected tap.Code = "host_disconnected" // no OVSDB connection now
	CodeProgramRefused   tap.Code = "program_refused"   // the plugin's program breaks the contract
	// the switch reports an error, or somebody else interferes
	CodeSwitchFailed  tap.Code = "switch_failed"
	CodeSwitchWaiting tap.Code = "switch_waiting" // OpenFlow, a probe or a port is awaited
	// it may have something of ours, and only force deletes it
	CodeHostUnreachable tap.Code = "host_unreachable"
	// a switch that held something cannot be read back
	CodeMayStillCopy tap.Code = "may_still_copy"
	// the guest is off, and is to have the tap NIC
	CodeGuestOff    tap.Code = "guest_off"
	CodeGuestAbsent tap.Code = "libvirt_guest_absent" // no hypervisor has the guest
	CodeNICPlugging tap.Code = "tap_nic_plugging"     // the hypervisor is at it
	// the hypervisor has done it; the switch does not show it yet
	CodeNICPlugged tap.Code = "tap_nic_plugged"
	// a host shows another tunnel address; the old one stays
	CodeAddressKept tap.Code = "address_kept"
	// a switch has objects of another Tapline cluster
	CodeOtherCluster   tap.Code = "other_cluster"
	CodeLibvirtFailed  tap.Code = "libvirt_failed"  // libvirt refuses, or cannot be reached
	CodeLibvirtUnasked tap.Code = "libvirt_unasked" // libvirt of some host has not answered yet
	CodeScheduled      tap.Code = "scheduled"       // the tap flow's starts_at has not come yet
	CodeExpired        tap.Code = "expired"         // the tap flow's expires_at has passed
	// the plugin's process is away, silent or wrong
	CodePluginFailed tap.Code = "plugin_failed"
)

// Ready is the health of what stands.
func Ready() Health { return Health{State: tap.StateReady} }

// Disabled is the health of what its user has switched off.
func Disabled() Health { return Health{State: tap.StateDisabled} }

// Expired is the health of a tap flow whose time has passed.
func Expired(at time.Time) Health {
	return Health{State: tap.StateDisabled, Code: CodeExpired,
		Reason: "it expired at " + at.UTC().Format(time.RFC3339)}
}

// Scheduled is the health of a tap flow whose time has not come yet.
func Scheduled(at time.Time) Health {
	return Pending(CodeScheduled, "it starts at %s", at.UTC().Format(time.RFC3339))
}

// Pending is the health of what waits for something.
func Pending(code tap.Code, reason string, args ...any) Health {
	return Health{State: tap.StatePending, Code: code, Reason: text(reason, args)}
}

// Failed is the health of what waiting does not help.
func Failed(code tap.Code, reason string, args ...any) Health {
	return Health{State: tap.StateError, Code: code, Reason: text(reason, args)}
}

// text formats a reason; without arguments it is taken as it is, whatever it contains.
func text(reason string, args []any) string {
	if len(args) == 0 {
		return reason
	}
	return fmt.Sprintf(reason, args...)
}
