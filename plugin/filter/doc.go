// Package filter compiles expressions of pcap-filter(7), the language of tcpdump, to OpenFlow
// flows of Open vSwitch.
package filter
