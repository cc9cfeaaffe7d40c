package manage_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api"
	"github.com/tapline-sdn/tapline/api/tapctl/cli"
	"github.com/tapline-sdn/tapline/api/tapctl/tapctltest"
)

func TestTokens(t *testing.T) {
	d := tapctltest.New(t)
	var made api.TokenCreated
	require.NoError(
		t,
		json.Unmarshal([]byte(d.Must("token-create --role viewer --expires 90d board -o json")),
			&made),
	)

	at, err := time.Parse(time.RFC3339Nano, made.ExpiresAt)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().AddDate(0, 0, 90), at, time.Minute)
	shown := d.Must("token-create ci --role operator --expires 2999-01-31")
	require.Regexp(t, `(?m)^token +tl_[a-z2-7]{10}_[A-Z2-7]{52}$`, shown)
	d.Must("token-create ops --role admin")

	require.Regexp(
		t,
		`(?s)^NAME +ROLE +EXPIRES +LAST-USED +ID\nadmin +admin +never .*\nboard +viewer `+
			`+20.*\nci +operator +2999-.* never .*\nops +admin +never +never `,
		d.Must("token-list"),
	)

	wide := d.Must("token-list -o wide")
	require.Contains(t, wide, "CREATED-BY")
	require.NotContains(t, wide+d.Must("token-list -o json")+d.Must("token-show board"),
		made.Secret[14:])

	require.Equal(t, made.ID+"\n", d.Must("token-list --role viewer -o id"))

	d.Env["TAPLINE_TOKEN"] = made.Secret
	d.Must("tap-flow-list")
	stderr := d.Fails(cli.ExitFailed, "guest-create g --nic mac=52:54:00:00:00:01")
	require.Contains(t, stderr,
		`this needs the role operator, and the token "board" has the role viewer`)

	require.Contains(t, stderr, "next: use a token of that role")
	d.Fails(cli.ExitFailed, "token-list")

	d.Env["TAPLINE_TOKEN"] = tapctltest.Token
	require.Equal(t, "token \"board\" deleted\ntoken \"ci\" deleted\n",
		d.Must("token-delete board ci"))

	d.Env["TAPLINE_TOKEN"] = made.Secret
	require.Contains(t, d.Fails(cli.ExitFailed, "tap-flow-list"),
		"next: give the content of admin.token")
}

func TestWrongTokenCommandLines(t *testing.T) {
	d := tapctltest.New(t)
	for line, tc := range map[string]struct {
		code int
		want string
	}{
		"token-create x": {2, "--role is missing"},
		"token-create --role root x": {1,
			"role: \"root\" is not accepted: want one of viewer, operator, admin"},
		"token-create --role viewer --expires soon x":       {2, "--expires \"soon\" is neither"},
		"token-create --role viewer --expires -3d x":        {2, "--expires \"-3d\" is neither"},
		"token-create --role viewer --expires 2020-01-01 x": {1, "has passed"},
		"token-create --role viewer admin":                  {1, "name: the name is taken"},
		"token-delete admin":                                {1, "delete the file and restart"},
		"token-delete nobody": {1,
			`there is no such token as "nobody"`},
	} {
		t.Run(line, func(t *testing.T) {
			stderr := d.Fails(tc.code, line)
			require.Contains(t, stderr, tc.want)
			require.Contains(t, stderr, "next: ")
		})
	}

	require.Equal(t, 1, strings.Count(d.Must("token-list -o id"), "\n"))
}
