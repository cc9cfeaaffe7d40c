// Package e2e tests the whole product from outside: real Open vSwitch hosts of package lab, the
// controller and the plugin as processes, the REST interface and the command line as users call
// them, and captures that compare whole frames at the source with whole frames at the collector.
//
// It is no place for logic of the product, and it imports none but the API's types and client. The
// oracle is Open vSwitch's own tools (ovs-vsctl, ovs-ofctl, ovs-appctl), the lab's captures, and
// /proc.
//
// Every test starts from a lab of its own or cleans up what it made in a shared one. Processes are
// ended by their ids.
package e2e
