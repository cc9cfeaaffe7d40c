// Package fleet holds the hosts: those that run, with their sessions and hypervisors, and those
// that were deleted and are still being cleaned.
//
// It knows which switch is whose, by system-id, tunnel address and certificate; what switches have
// shown that counts from then on; and which physical NICs turned out to be others. It decides
// neither what is planned for a host nor how a host stands, and tells nobody: methods return what
// follows, and the engine sees to it.
//
// A [Fleet] has no lock: it is guarded by the engine's mutex. A [Host.Session] may be used without.
package fleet
