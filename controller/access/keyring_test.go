package access_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/audit"
	"github.com/tapline-sdn/tapline/controller/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const admin = "content-of-admin.token"

func newKeyring(t *testing.T, cfg access.Config) *access.Keyring {
	t.Helper()
	cfg.Admin = []byte(admin)
	k, err := access.New(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(k.Close)
	return k
}

func create(t *testing.T, k *access.Keyring, name string, role access.Role) (access.Token, string) {
	t.Helper()
	made, secret, err := k.Create(
		t.Context(),
		access.Token{Name: name, Role: role, CreatedBy: "admin"},
	)
	require.NoError(t, err)
	return made, secret
}

func TestAuthenticate(t *testing.T) {
	k := newKeyring(t, access.Config{})
	made, secret := create(t, k, "ci", access.Operator)
	require.True(t, strings.HasPrefix(secret, "tl_"+made.ID+"_"))
	for name, tc := range map[string]struct {
		header string
		want   string // name of the identity; "" none
		err    error
	}{
		"token":                {"Bearer " + secret, "ci", nil},
		"any case":             {"bearer  " + secret + " ", "ci", nil},
		"admin's":              {"Bearer " + admin, "admin", nil},
		"none":                 {"", "", access.ErrMissing},
		"empty":                {"Bearer ", "", access.ErrWrong},
		"no scheme":            {secret, "", access.ErrWrong},
		"another scheme":       {"Basic " + secret, "", access.ErrWrong},
		"cut off":              {"Bearer " + secret[:len(secret)-1], "", access.ErrWrong},
		"longer":               {"Bearer " + secret + "A", "", access.ErrWrong},
		"id alone":             {"Bearer tl_" + made.ID + "_", "", access.ErrWrong},
		"another's id":         {"Bearer tl_aaaaaaaaaa_" + secret[14:], "", access.ErrWrong},
		"id of the built-in":   {"Bearer admin", "", access.ErrWrong},
		"digest of the secret": {"Bearer " + strings.Repeat("0", 64), "", access.ErrWrong},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := k.Authenticate(tc.header, nil)
			require.ErrorIs(t, err, tc.err)
			require.Equal(t, tc.want, id.Name)
			if err != nil {
				require.NotContains(t, err.Error(), secret[14:])
			}
		})
	}
	require.False(t, last(t, k, "ci").IsZero())

	none, err := access.New(t.Context(), access.Config{})
	require.NoError(t, err)
	_, err = none.Authenticate("Bearer ", nil)
	require.ErrorIs(t, err, access.ErrWrong, "without a token nobody is let in")
	require.Empty(t, none.List())
}

func last(t *testing.T, k *access.Keyring, ref string) time.Time {
	t.Helper()
	got, err := k.Get(ref)
	require.NoError(t, err)
	return got.LastUsedAt
}

func TestCertificates(t *testing.T) {
	k := newKeyring(t, access.Config{Clients: map[string]access.Role{"ops": access.Operator}})
	cert := func(cn string) *x509.Certificate {
		return &x509.Certificate{
			Subject:  pkix.Name{CommonName: cn},
			NotAfter: time.Now().Add(time.Hour),
		}
	}
	id, err := k.Authenticate("", cert("ops"))
	require.NoError(t, err)
	require.Equal(t, access.Operator, id.Role)
	require.NoError(t, id.Until.Err())
	id.Release()
	_, err = k.Authenticate("", cert("dev"))
	require.ErrorIs(t, err, access.ErrMissing)
	require.ErrorContains(t, err, `"dev"`)
	_, err = k.Authenticate("", cert(""))
	require.ErrorIs(t, err, access.ErrMissing)
	id, err = k.Authenticate("Bearer "+admin, cert("ops"))
	require.NoError(t, err)
	require.Equal(t, access.Admin, id.Role, "a token decides where there is one")
	_, err = k.Authenticate("Bearer x", cert("ops"))
	require.ErrorIs(t, err, access.ErrWrong, "a wrong token is not made good by a certificate")
}

// TestClientRolesChange: a name that loses its role is refused, and what it has open ends. Others
// do not notice.
func TestClientRolesChange(t *testing.T) {
	k := newKeyring(t, access.Config{Clients: map[string]access.Role{
		"ops": access.Operator, "dev": access.Admin, "qa": access.Viewer,
	}})
	show := func(name string) (access.Identity, error) {
		return k.Authenticate("", &x509.Certificate{
			Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour)})
	}
	open := map[string]access.Identity{}
	for _, name := range []string{"ops", "dev", "qa"} {
		id, err := show(name)
		require.NoError(t, err)
		defer id.Release()
		open[name] = id
	}

	changes := k.SetClients(map[string]access.Role{
		"ops": access.Operator, "dev": access.Viewer, "new": access.Viewer,
	})
	require.Equal(t, []access.ClientChange{
		{Name: "dev", Was: access.Admin, Now: access.Viewer},
		{Name: "new", Now: access.Viewer},
		{Name: "qa", Was: access.Viewer},
	}, changes)

	require.NoError(t, open["ops"].Until.Err())
	require.Error(t, open["dev"].Until.Err(), "what it has open has the role of before")
	require.Error(t, open["qa"].Until.Err())
	_, err := show("qa")
	require.ErrorIs(t, err, access.ErrMissing)
	dev, err := show("dev")
	require.NoError(t, err)
	defer dev.Release()
	require.Equal(t, access.Viewer, dev.Role)
	require.NoError(t, dev.Until.Err())

	require.Empty(t, k.SetClients(map[string]access.Role{
		"ops": access.Operator, "dev": access.Viewer, "new": access.Viewer,
	}), "nothing has changed")
	require.Len(t, k.SetClients(nil), 3)
	_, err = show("ops")
	require.ErrorIs(t, err, access.ErrMissing)
}

func TestTokensSurviveRestartsAndNoSecretIsStored(t *testing.T) {
	disk := store.NewMemory()
	defer disk.Close()
	k := newKeyring(t, access.Config{Records: disk})
	made, secret := create(t, k, "ci", access.Viewer)
	_, err := k.Authenticate("Bearer "+secret, nil)
	require.NoError(t, err)
	used := last(t, k, "ci")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	k.Run(ctx) // stores when it was used

	state, err := disk.Load(t.Context())
	require.NoError(t, err)
	require.Len(t, state.Records, 1)
	require.NotContains(t, string(state.Records[0].Value), secret[14:])

	again := newKeyring(t, access.Config{Records: disk})
	id, err := again.Authenticate("Bearer "+secret, nil)
	require.NoError(t, err)
	require.Equal(
		t,
		access.Identity{
			Kind:  "token",
			ID:    made.ID,
			Name:  "ci",
			Role:  access.Viewer,
			Until: id.Until,
		},
		id,
	)
	third := newKeyring(t, access.Config{Records: disk})
	require.Equal(t, used, last(t, third, made.ID))

	require.NoError(t, again.Revoke(t.Context(), "ci"))
	gone := newKeyring(t, access.Config{Records: disk})
	_, err = gone.Authenticate("Bearer "+secret, nil)
	require.ErrorIs(t, err, access.ErrWrong)
}

func TestRevokeAndExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, err := access.New(t.Context(), access.Config{Admin: []byte(admin)})
		require.NoError(t, err)
		defer k.Close()
		made, secret := create(t, k, "ci", access.Operator)
		id, err := k.Authenticate("Bearer "+secret, nil)
		require.NoError(t, err)
		require.NoError(t, k.Revoke(t.Context(), made.ID))
		require.Error(t, id.Until.Err(), "what it opened ends")
		_, err = k.Authenticate("Bearer "+secret, nil)
		require.ErrorIs(t, err, access.ErrWrong)
		require.ErrorIs(t, k.Revoke(t.Context(), "ci"), access.ErrNotFound)
		require.ErrorIs(t, k.Revoke(t.Context(), "admin"), access.ErrBuiltIn)

		_, short, err := k.Create(
			t.Context(),
			access.Token{Name: "ci", Role: access.Viewer, ExpiresAt: time.Now().Add(time.Hour)},
		)
		require.NoError(t, err)
		id, err = k.Authenticate("Bearer "+short, nil)
		require.NoError(t, err)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Error(t, id.Until.Err())
		_, err = k.Authenticate("Bearer "+short, nil)
		require.ErrorIs(t, err, access.ErrExpired)
		_, _, err = k.Create(
			t.Context(),
			access.Token{Name: "late", Role: access.Viewer, ExpiresAt: time.Now()},
		)
		require.ErrorIs(t, err, access.ErrExpired)
		_, _, err = k.Create(t.Context(), access.Token{Name: "ci", Role: access.Viewer})
		require.ErrorIs(t, err, access.ErrTaken)
		_, _, err = k.Create(t.Context(), access.Token{Name: "admin", Role: access.Viewer})
		require.ErrorIs(t, err, access.ErrTaken)
	})
}

// broken is a disk, or an audit log, that is full.
type broken struct {
	told   []string
	refuse error
}

var errFull = errors.New("disk is full")

func (broken) Load(context.Context) (store.State, error)           { return store.State{}, nil }
func (broken) Commit(context.Context, ...store.Op) (uint64, error) { return 0, errFull }

func (b *broken) Change(_ context.Context, c audit.Change) error {
	b.told = append(b.told, c.Name+" "+string(c.After))
	return b.refuse
}

func TestWhatCannotBeStoredIsNotThere(t *testing.T) {
	b := new(broken)
	k := newKeyring(t, access.Config{Records: b, Audit: b})
	_, _, err := k.Create(t.Context(), access.Token{Name: "ci", Role: access.Viewer})
	require.ErrorIs(t, err, errFull)
	require.Len(t, k.List(), 1, "only the built-in one")
	require.Len(t, b.told, 1)
	require.NotContains(t, b.told[0], "sha256")

	b.refuse = errors.New("audit log is full")
	k = newKeyring(t, access.Config{Audit: b})
	_, _, err = k.Create(t.Context(), access.Token{Name: "ci", Role: access.Viewer})
	require.ErrorIs(t, err, b.refuse, "what nobody can write down is not done")
	require.Len(t, k.List(), 1)
}

func TestRoles(t *testing.T) {
	for have, includes := range map[access.Role][]bool{
		access.Viewer: {true, false, false}, access.Operator: {true, true, false},
		access.Admin: {true, true, true},
		"":           {false, false, false}, "root": {false, false, false},
	} {
		for i, want := range access.Roles() {
			require.Equal(t, includes[i], have.Includes(want), "%q includes %q", have, want)
		}
		require.False(t, have.Includes("root"))
	}
	_, err := access.ParseRole("root")
	require.ErrorContains(t, err, "viewer, operator or admin")
}

func TestRedact(t *testing.T) {
	k := newKeyring(t, access.Config{})
	made, secret := create(t, k, "ci", access.Viewer)
	require.Equal(
		t,
		"/api/v1/tokens/tl_"+made.ID+"_.../x",
		access.Redact("/api/v1/tokens/"+secret+"/x"),
	)
	require.Equal(t, "/api/v1/tap_flows/web", access.Redact("/api/v1/tap_flows/web"))
	_, err := k.Get(secret)
	require.ErrorIs(t, err, access.ErrNotFound)
	require.NotContains(t, err.Error(), secret[14:])
}
