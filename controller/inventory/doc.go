// Package inventory knows what is where: the ports of all switches, the guests that their rows and
// the hypervisors show, and who claims which NIC by declaration.
//
// [Observer] turns a snapshot of one switch into an [Observation], and is pure. [Places] indexes
// the observations of all switches. It has no lock of its own: its owner's lock guards it. The
// package weighs evidence (an address beats a name, a live place beats a dead one) and decides
// nothing else: what a guest's place means for a tap flow is the plugin's business.
package inventory
