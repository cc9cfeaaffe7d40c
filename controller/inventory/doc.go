// Package inventory knows what is where: the ports of all switches, the guests that their rows and the hypervisors show,
// and who claims which NIC by declaration.
//
// [Observer] turns a snapshot of one switch into an [Observation], and is pure. [Places] indexes the observations of all
// switches; it has no lock of its own and is guarded by that of its owner. The package asks nobody anything and decides
// nothing: what a guest's place means for a tap flow is the plugin's business.
package inventory
