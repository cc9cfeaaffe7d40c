package access_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/controller/access"
	"github.com/tapline-sdn/tapline/controller/store"
)

// TestAdopt: a keyring follows what others do to the tokens of a store. Tokens that stay, and the
// streams of those who use them, are not disturbed.
func TestAdopt(t *testing.T) {
	s := store.NewMemory()
	defer s.Close()
	writer, err := access.New(t.Context(), access.Config{Records: s})
	require.NoError(t, err)
	defer writer.Close()
	reader, err := access.New(t.Context(), access.Config{})
	require.NoError(t, err)
	defer reader.Close()
	adopt := func(records access.Records) {
		t.Helper()
		state, err := s.Load(t.Context())
		require.NoError(t, err)
		require.NoError(t, reader.Adopt(state, records))
	}

	_, stays, err := writer.Create(t.Context(), access.Token{Name: "stays", Role: access.Viewer})
	require.NoError(t, err)
	_, goes, err := writer.Create(t.Context(), access.Token{Name: "goes", Role: access.Viewer})
	require.NoError(t, err)
	adopt(nil)
	staying, err := reader.Authenticate("Bearer "+stays, nil)
	require.NoError(t, err)
	going, err := reader.Authenticate("Bearer "+goes, nil)
	require.NoError(t, err)

	require.NoError(t, writer.Revoke(t.Context(), "goes"))
	adopt(s)
	require.NoError(t, staying.Until.Err())
	require.Error(t, going.Until.Err())
	_, err = reader.Authenticate("Bearer "+goes, nil)
	require.ErrorIs(t, err, access.ErrWrong)

	// From now on its own changes are stored.
	_, _, err = reader.Create(t.Context(), access.Token{Name: "new", Role: access.Admin})
	require.NoError(t, err)
	state, err := s.Load(t.Context())
	require.NoError(t, err)
	require.Len(t, state.Records, 2)
}
