package server_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
)

// TestMembers: a tap flow with a selector is created, changed and shown, and lists what it matches.
func TestMembers(t *testing.T) {
	b := newBench(t)
	b.furnish()
	const selecting = `,"tap_id":"ids","type":"selector"`

	var f api.TapFlow
	b.must(http.StatusCreated, http.MethodPost, flowsPath,
		`{"name":"vms"`+selecting+`,"selector":"name=vm*"}`, &f)
	require.Equal(t, "name=vm*", f.Selector)
	require.NotNil(t, f.Members)

	var list api.MemberList
	b.must(http.StatusOK, http.MethodGet, flowsPath+"/vms/members", "", &list)
	require.NotZero(t, list.Total)
	require.Len(t, list.Members, list.Total)
	require.Equal(t, "vm1", list.Members[0].GuestName)
	require.Equal(t, api.Ready, list.Members[0].Status)
	b.must(http.StatusOK, http.MethodGet, flowsPath+"/vms/members?status=error&limit=1", "", &list)
	require.Empty(t, list.Members)
	require.Zero(t, list.Total)

	b.must(http.StatusOK, http.MethodPatch, flowsPath+"/vms", `{"selector":"name=none"}`, &f)
	require.Equal(t, "name=none", f.Selector)
	b.must(http.StatusOK, http.MethodGet, flowsPath+"/vms/members", "", &list)
	require.Empty(t, list.Members)

	p := b.problem(http.StatusBadRequest, http.MethodPost, flowsPath,
		`{"name":"bad"`+selecting+`,"selector":"name=a,app=db"}`)
	require.Contains(t, p.Detail, `selector: at character 8: "app=db" is not a term`)

	b.must(http.StatusCreated, http.MethodPost, flowsPath, flow+`}`, &f)
	require.Nil(t, f.Members)
	require.Empty(t, f.Selector)
	p = b.problem(http.StatusBadRequest, http.MethodGet, flowsPath+"/f/members", "")
	require.Contains(t, p.Detail, "tap flow f has no members: it is of type vnic")
}
