// Package selector is the language in which users choose guests, and rows of lists: terms that all
// have to hold, separated by commas.
//
//	name=web-*,label.app=db|cache,wire!=mgmt,net=10.0.0.0/24|2001:db8::/32
//
// A term compares a field with one value or with several, separated by '|', of which one has to be
// right. With '!=' none may be. Names of guests, wires, hosts, logical switches and port groups are
// patterns of [path.Match]. A label is compared as a whole, and "label.K" and "!label.K" ask
// whether there is one. An address is compared with networks. '\|' stands for the character itself.
//
// What is said of a NIC (wire, host, net, ls, pg) has to hold for the NIC that is selected, not for
// another one of its guest. A field of which a NIC has several values, such as its addresses, is
// right if one of them is.
//
// The package is pure. A [Selector] is not changed after [Parse], and may be used concurrently.
package selector
