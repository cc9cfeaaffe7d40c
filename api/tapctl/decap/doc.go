// Package decap is the verb decap of tapctl: it receives the copies that a remote tap service is
// sent, takes the mirrored frames out of their tunnel, and hands them on. It is for collectors
// whose programs cannot do that themselves. It needs no controller.
//
// inner is pure: octets in, frame out. A receiver is a socket, a [Stream] takes frames from sockets
// to a [Sink], which is where frames go: a pcapng file, a TAP device, or a line a packet.
package decap
