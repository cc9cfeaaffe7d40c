//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"text/tabwriter"

	"github.com/tapline-sdn/tapline/testenv/lab"
)

// info describes a lab; its JSON form is for scripts.
type info struct {
	Name       string         `json:"name"`
	Dir        string         `json:"dir"`
	Controller controllerInfo `json:"controller"`
	Hosts      []hostInfo     `json:"hosts"`
	Guests     []*lab.Guest   `json:"guests"`
}

type controllerInfo struct {
	Namespace string     `json:"namespace"`
	IP        netip.Addr `json:"ip"`
}

type hostInfo struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	OVSDB     string            `json:"ovsdb"`
	MgmtIP    netip.Addr        `json:"mgmt_ip"`
	TunnelIP  netip.Addr        `json:"tunnel_ip"`
	SystemID  string            `json:"system_id"`
	Wires     map[string]string `json:"wires"`
	SpareNIC  nicInfo           `json:"spare_nic"`
	RunDir    string            `json:"run_dir"`
	PIDs      map[string]int    `json:"pids"`
}

type nicInfo struct {
	Name string  `json:"name"`
	MAC  lab.MAC `json:"mac"`
}

func describe(l *lab.Lab) info {
	i := info{
		Name: l.Name, Dir: l.Dir,
		Controller: controllerInfo{l.Controller.Namespace, lab.ControllerIP()},
		Hosts:      []hostInfo{},
		Guests:     l.Guests(),
	}

	for _, h := range l.Hosts {
		i.Hosts = append(i.Hosts, hostInfo{
			Name: h.Name, Namespace: h.Namespace, OVSDB: h.OVSDB(),
			MgmtIP: h.MgmtIP, TunnelIP: h.TunnelIP, SystemID: h.SystemID,
			Wires:    map[string]string{lab.Wire: lab.WireBridge},
			SpareNIC: nicInfo{lab.SpareNIC, h.SpareMAC},
			RunDir:   h.RunDir,
			PIDs:     map[string]int{"ovsdb-server": h.OVSDBPID(), "ovs-vswitchd": h.VSwitchdPID()},
		})
	}

	return i
}

func (i info) json(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(i)
}

func (i info) table(out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "lab %s in %s, controller %s\n", i.Name, i.Dir, i.Controller.IP)
	fmt.Fprintln(table, "\nHOST\tOVSDB\tTUNNEL IP\tSPARE NIC\tSWITCH")
	for _, h := range i.Hosts {
		state := "up"
		if h.PIDs["ovs-vswitchd"] == 0 {
			state = "down"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s=%s\t%s\n", h.Name, h.OVSDB, h.TunnelIP, h.SpareNIC.Name,
			h.SpareNIC.MAC, state)
	}

	fmt.Fprintln(table, "\nGUEST\tHOST\tNIC\tMAC\tIP\tPORT\tBRIDGE\tID")
	for _, g := range i.Guests {
		for _, n := range g.NICs {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", g.Name, g.HostName, n.Device,
				n.MAC, address(n.IP), n.IfName, n.Bridge, g.ID)
		}
	}

	return table.Flush()
}

func address(p netip.Prefix) string {
	if !p.IsValid() {
		return "-"
	}
	return p.String()
}
