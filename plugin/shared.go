package plugin

import pb "github.com/tapline-sdn/tapline/plugin/mirrorpb"

// shared keeps one of each text of a message that has arrived. Hosts, bridges and tap services are named many times in it, and both ends
// keep what they are told for as long as it stands.
type shared map[string]string

// one makes equal texts the same.
func (s shared) one(texts ...*string) {
	for _, t := range texts {
		first, known := s[*t]
		if !known {
			first = *t
			s[first] = first
		}
		*t = first
	}
}

func (s shared) list(texts []string) {
	for i := range texts {
		s.one(&texts[i])
	}
}

func (s shared) locations(list []*pb.Location) {
	for _, l := range list {
		s.one(&l.Host, &l.Bridge, &l.Port)
	}
}

func (s shared) change(m *pb.Change) {
	for _, h := range m.Hosts {
		s.one(&h.Id, &h.Name)
		for _, b := range h.Bridges {
			s.one(&b.Name, &b.DatapathType)
		}
	}
	for _, g := range m.Guests {
		s.one(&g.Id, &g.Name)
		for _, n := range g.Nics {
			s.locations(n.Locations)
		}
	}
	for _, a := range m.Attachments {
		s.one(&a.ServiceId)
		s.locations(a.Locations)
	}
	for _, v := range m.Services {
		s.one(&v.Id, &v.Name, &v.Type, &v.TargetId, &v.Ifname)
	}
	for _, f := range m.Flows {
		s.one(&f.Id, &f.Name, &f.TapId, &f.Type, &f.GuestId, &f.HostId, &f.WireId, &f.Direction)
	}
}

func (s shared) result(m *pb.Result) {
	for _, p := range m.Programs {
		s.one(&p.Host)
		for _, port := range p.Ports {
			s.one(&port.Owner, &port.Bridge, &port.Name, &port.Type, &port.VlanMode)
		}
		for _, r := range p.Mirrors {
			s.one(&r.Owner, &r.Bridge, &r.Name, &r.Output)
			s.list(r.SelectSrc)
			s.list(r.SelectDst)
		}
		for _, f := range p.Flows {
			s.one(&f.Owner)
		}
	}
	for _, v := range m.Statuses {
		s.one(&v.Kind, &v.Id, &v.State, &v.Reason)
		for _, n := range v.Needs {
			s.one(&n.Host, &n.Owner)
		}
	}
}
