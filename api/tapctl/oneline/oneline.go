// Package oneline says what a packet is in one line, much as tcpdump -n does.
package oneline

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// Line says in a line what a frame of some length is, of which data is the beginning, and when it
// came.
func Line(at time.Time, data []byte, length int, verbose bool) string {
	return at.Local().Format("15:04:05.000000") + " " + describe(data, length, verbose)
}

// describe is a line without its time.
func describe(data []byte, length int, verbose bool) string {
	p := gopacket.NewPacket(data, layers.LayerTypeEthernet, gopacket.DecodeOptions{
		Lazy: true, NoCopy: true,
	})
	var parts []string
	eth, _ := p.LinkLayer().(*layers.Ethernet)
	if eth == nil {
		return fmt.Sprintf("a frame of %d octets that is no Ethernet", length)
	}
	if verbose {
		parts = append(parts, fmt.Sprintf("%v > %v, length %d:", eth.SrcMAC, eth.DstMAC, length))
	}
	for _, layer := range p.Layers() {
		if tag, is := layer.(*layers.Dot1Q); is {
			parts = append(parts, fmt.Sprintf("vlan %d,", tag.VLANIdentifier))
		}
	}

	text := network(p, verbose)
	if text == "" {
		kind := fmt.Sprintf("ethertype 0x%04x", uint16(eth.EthernetType))
		if eth.EthernetType == layers.EthernetTypeLLC {
			kind = "802.3"
		}
		text = fmt.Sprintf("%v > %v, %s, length %d", eth.SrcMAC, eth.DstMAC, kind, length)
	}
	return strings.Join(append(parts, text), " ")
}

// network describes the network layer and what it carries; "" if it is not known.
func network(p gopacket.Packet, verbose bool) string {
	if arp, is := p.Layer(layers.LayerTypeARP).(*layers.ARP); is {
		target, sender := net.IP(arp.DstProtAddress), net.IP(arp.SourceProtAddress)
		if arp.Operation == layers.ARPReply {
			return fmt.Sprintf("ARP, Reply %v is-at %v", sender,
				net.HardwareAddr(arp.SourceHwAddress))
		}
		return fmt.Sprintf("ARP, Request who-has %v tell %v", target, sender)
	}

	switch ip := p.NetworkLayer().(type) {
	case *layers.IPv4:
		detail := ""
		if verbose {
			detail = fmt.Sprintf(" (tos 0x%x, ttl %d, id %d, length %d)", ip.TOS, ip.TTL, ip.Id,
				ip.Length)
		}
		if ip.FragOffset != 0 {
			return fmt.Sprintf("IP%s %v > %v: fragment at %d", detail, ip.SrcIP, ip.DstIP,
				8*int(ip.FragOffset))
		}
		return "IP" + detail + " " + transport(p, ip.SrcIP, ip.DstIP, ip.Protocol,
			int(ip.Length)-4*int(ip.IHL))
	case *layers.IPv6:
		detail := ""
		if verbose {
			detail = fmt.Sprintf(" (class 0x%x, hlim %d, length %d)", ip.TrafficClass, ip.HopLimit,
				ip.Length)
		}
		return "IP6" + detail + " " + transport(p, ip.SrcIP, ip.DstIP, ip.NextHeader,
			int(ip.Length))
	}
	return ""
}

// transport describes what an IP packet carries, in length octets.
func transport(p gopacket.Packet, src, dst net.IP, protocol layers.IPProtocol, length int) string {
	ends := func(from, to uint16) string {
		return fmt.Sprintf("%v.%d > %v.%d", src, from, dst, to)
	}

	for _, layer := range p.Layers() {
		switch l := layer.(type) {
		case *layers.TCP:
			return ends(uint16(l.SrcPort), uint16(l.DstPort)) + ": " + tcp(l,
				length-4*int(l.DataOffset))
		case *layers.UDP:
			return ends(uint16(l.SrcPort), uint16(l.DstPort)) +
				fmt.Sprintf(": UDP, length %d", max(int(l.Length)-8, 0))
		case *layers.ICMPv4:
			return fmt.Sprintf("%v > %v: ICMP %v, id %d, seq %d, length %d", src, dst, l.TypeCode,
				l.Id, l.Seq, length)
		case *layers.ICMPv6:
			return fmt.Sprintf("%v > %v: ICMP6 %v, length %d", src, dst, l.TypeCode, length)
		}
	}
	return fmt.Sprintf("%v > %v: %v, length %d", src, dst, protocol, length)
}

// tcp describes a segment with length octets of data.
func tcp(s *layers.TCP, length int) string {
	flags := ""
	for _, f := range []struct {
		set  bool
		text string
	}{{s.SYN, "S"}, {s.FIN, "F"}, {s.RST, "R"}, {s.PSH, "P"}, {s.URG, "U"}, {s.ACK, "."}} {
		if f.set {
			flags += f.text
		}
	}
	if flags == "" {
		flags = "none"
	}

	seq := strconv.FormatUint(uint64(s.Seq), 10)
	if length > 0 {
		seq += ":" + strconv.FormatUint(uint64(s.Seq+uint32(length)), 10)
	}
	text := fmt.Sprintf("Flags [%s], seq %s", flags, seq)
	if s.ACK {
		text += fmt.Sprintf(", ack %d", s.Ack)
	}
	return text + fmt.Sprintf(", win %d, length %d", s.Window, length)
}
