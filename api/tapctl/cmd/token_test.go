package cmd_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/cmd"
)

func TestTokens(t *testing.T) {
	d := newDesk(t)
	var made api.TokenCreated
	require.NoError(t, json.Unmarshal([]byte(d.must("token-create --role viewer --expires 90d board -o json")), &made))
	at, err := time.Parse(time.RFC3339Nano, made.ExpiresAt)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().AddDate(0, 0, 90), at, time.Minute)
	shown := d.must("token-create ci --role operator --expires 2999-01-31")
	require.Regexp(t, `(?m)^token +tl_[a-z2-7]{10}_[A-Z2-7]{52}$`, shown)
	d.must("token-create ops --role admin")

	require.Regexp(t, `(?s)^NAME +ROLE +EXPIRES +LAST-USED +ID\nadmin +admin +never .*\nboard +viewer +20.*\nci +operator +2999-.* never .*\nops +admin +never +never `, d.must("token-list"))
	wide := d.must("token-list -o wide")
	require.Contains(t, wide, "CREATED-BY")
	require.NotContains(t, wide+d.must("token-list -o json")+d.must("token-show board"), made.Secret[14:])
	require.Equal(t, made.ID+"\n", d.must("token-list --role viewer -o id"))

	d.env["TAPLINE_TOKEN"] = made.Secret
	d.must("tap-flow-list")
	stderr := d.fails(cmd.ExitFailed, "guest-create g --nic mac=52:54:00:00:00:01")
	require.Contains(t, stderr, `this needs the role operator, and the token "board" has the role viewer`)
	require.Contains(t, stderr, "next: use a token of that role")
	d.fails(cmd.ExitFailed, "token-list")

	d.env["TAPLINE_TOKEN"] = token
	require.Equal(t, "token \"board\" deleted\ntoken \"ci\" deleted\n", d.must("token-delete board ci"))
	d.env["TAPLINE_TOKEN"] = made.Secret
	require.Contains(t, d.fails(cmd.ExitFailed, "tap-flow-list"), "next: give the content of admin.token")
}

func TestWrongTokenCommandLines(t *testing.T) {
	d := newDesk(t)
	for line, tc := range map[string]struct {
		code int
		want string
	}{
		"token-create x":                                    {2, `required flag(s) "role" not set`},
		"token-create --role root x":                        {1, "role: \"root\" is not accepted: want one of viewer, operator, admin"},
		"token-create --role viewer --expires soon x":       {2, "--expires \"soon\" is neither"},
		"token-create --role viewer --expires -3d x":        {2, "--expires \"-3d\" is neither"},
		"token-create --role viewer --expires 2020-01-01 x": {1, "has passed"},
		"token-create --role viewer admin":                  {1, "name: the name is taken"},
		"token-delete admin":                                {1, "delete that file"},
		"token-delete nobody":                               {1, `there is no such token as "nobody"`},
	} {
		t.Run(line, func(t *testing.T) {
			stderr := d.fails(tc.code, line)
			require.Contains(t, stderr, tc.want)
			require.Contains(t, stderr, "next: ")
		})
	}
	require.Equal(t, 1, strings.Count(d.must("token-list -o id"), "\n"))
}
