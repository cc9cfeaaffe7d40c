package server

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/controller/engine"
)

// explainTime is how long switches have to answer one who debugs.
const explainTime = 5 * time.Second

func (s *server) mountExplanations() {
	for path, explain := range map[string]func(context.Context, string) (engine.Explanation, error){
		"/api/v1/tap_services/{ref}/explain": s.engine.ExplainService,
		"/api/v1/tap_flows/{ref}/explain":    s.engine.ExplainFlow,
	} {
		s.route(http.MethodGet, path, func(c echo.Context, req request) error {
			ctx, cancel := context.WithTimeout(c.Request().Context(), explainTime)
			defer cancel()
			x, err := explain(ctx, req.ref)
			if err != nil {
				return err
			}
			return answer(c, http.StatusOK, explanationJSON(x))
		})
	}
}

func explanationJSON(x engine.Explanation) api.Explanation {
	out := api.Explanation{
		Kind: string(x.Kind), ID: x.ID, Name: x.Name, Status: status(x.State), Reason: x.Reason, Since: timeJSON(x.Since),
		Counters: countersJSON(x.Counters), Next: orNone(x.Next),
		Path: []api.Hop{}, Checks: []api.Check{}, Flows: []api.FlowLine{}, Switches: []api.Switch{},
	}
	for _, h := range x.Path {
		hop := api.Hop{
			What: h.What, HostID: h.HostID, Host: h.Host, Bridge: h.Bridge, Port: h.Port, OFPort: int(h.OFPort), Text: h.Text,
			Found: h.Found, Status: status(h.State), Reason: h.Reason,
		}
		if h.Count != nil {
			hop.Count = &api.Count{Packets: h.Count.Packets, Bytes: h.Count.Bytes}
		}
		out.Path = append(out.Path, hop)
	}
	for _, c := range x.Checks {
		out.Checks = append(out.Checks, api.Check{
			What: c.What, HostID: c.HostID, Host: c.Host, Owner: c.Owner, Status: status(c.State), Reason: c.Reason,
			Since: timeJSON(c.Since), Next: c.Next,
		})
	}
	for _, f := range x.Flows {
		out.Flows = append(out.Flows, api.FlowLine{
			ID: f.ID, Name: f.Name, Status: status(f.State), Reason: f.Reason, Counters: countersJSON(f.Counters),
		})
	}
	for _, v := range x.Switches {
		out.Switches = append(out.Switches, switchJSON(v))
	}
	return out
}

func switchJSON(v engine.SwitchView) api.Switch {
	out := api.Switch{
		HostID: v.HostID, Host: v.Host, Status: status(v.State), Reason: v.Reason, OVSVersion: v.OVSVersion, TunnelIP: v.TunnelIP,
		OVSDB: connectionJSON(v.OVSDB), OpenFlow: connectionJSON(v.OpenFlow), FlowsError: v.FlowsError,
		Rows: []api.Row{}, Flows: []api.SwitchFlow{},
	}
	for _, r := range v.Rows {
		out.Rows = append(out.Rows, api.Row{Table: r.Table, Name: r.Name, UUID: r.UUID, Owner: r.Owner, Text: r.Text, State: string(r.State)})
	}
	for _, f := range v.Flows {
		out.Flows = append(out.Flows, api.SwitchFlow{Owner: f.Owner, Text: f.Text, State: string(f.State)})
	}
	return out
}

func connectionJSON(c engine.Connection) api.Connection {
	return api.Connection{Connected: c.Connected, Problem: c.Problem, Since: timeJSON(c.Since)}
}

func timeJSON(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
