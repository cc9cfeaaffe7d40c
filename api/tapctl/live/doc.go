// Package live is verb capture, which shows packets of a guest or a virtual switch as they pass,
// and verb extcap, by which Wireshark does the same.
package live
