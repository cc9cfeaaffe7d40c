package observe_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

func TestWhoami(t *testing.T) {
	d := tapctltest.New(t)
	require.Equal(t, "type: token\nid: admin\nname: admin\nrole: admin\n", d.Must("whoami"))
}
