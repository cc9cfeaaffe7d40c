// Package meter turns what switches have counted into what users read: packets and bytes that were
// captured at the source, delivered at the destination and lost between them, for each service and
// each tap flow, and rates.
//
// A [Reading] is the flow statistics of one switch at one instant. A [Book] adds up what came from
// one reading to the next, so its counters only grow while the process lives, also where a flow was
// written anew or a switch restarted and counts from 0. When the process starts it begins with what
// the switches have counted so far, since they go on while no controller runs. What was counted
// between the last reading of a flow and its removal is not known, and left out on both ends.
//
// The package asks no switch and has no clock: it is told when a reading was taken.
package meter
