package server

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/server/convert"
	"github.com/tapline-sdn/tapline/api/server/listing"
	"github.com/tapline-sdn/tapline/controller/engine/view"
)

// mountMembers serves the NICs that the selectors of tap flows match.
func (s *server) mountMembers(flows Flows) {
	columns := map[string]listing.Column[view.Member]{
		"status": listing.Text(func(m view.Member) api.Status { return convert.Status(m.State) }),
	}

	s.route(http.MethodGet, api.Prefix+"/tap_flows/{ref}/members",
		func(c echo.Context, req request) error {
			members, err := flows.Members(req.ref)
			if err != nil {
				return err
			}

			list := listing.Of(func() []view.Member { return members }, columns)
			page := list.Choose(req.Query)
			out := api.MemberList{Members: make([]api.Member, 0, page.Len), Total: page.Total}
			for _, m := range page.Views(0, page.Len) {
				out.Members = append(out.Members, convert.Member(m))
			}
			return answer(c, http.StatusOK, out)
		})
}
