package advice_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/tapctl/advice"
)

func TestOf(t *testing.T) {
	one := advice.New("look for it", "%w: x", fs.ErrNotExist)
	require.ErrorIs(t, one, fs.ErrNotExist)
	lines, next, ok := advice.Of(fmt.Errorf("around: %w", one))
	require.True(t, ok)
	require.Equal(t, []string{"around: file does not exist: x"}, lines)
	require.Equal(t, "look for it", next)

	many := &advice.Errors{Errs: []error{errors.New("a"), one}, Next: "correct both"}
	require.ErrorIs(t, many, fs.ErrNotExist)
	require.Equal(t, "a\nfile does not exist: x", many.Error())
	lines, next, ok = advice.Of(many)
	require.True(t, ok)
	require.Len(t, lines, 2)
	require.Equal(t, "correct both", next, "the advice of the whole, not of a part")

	_, _, ok = advice.Of(errors.New("plain"))
	require.False(t, ok)
}

func TestDidYouMean(t *testing.T) {
	words := []string{"ready", "error", "disabled"}
	require.Equal(t, "; did you mean ready?", advice.DidYouMean("raedy", words))
	require.Equal(t, "; did you mean error?", advice.DidYouMean("ERR", words))
	require.Empty(t, advice.DidYouMean("entirely", words))
	require.Empty(t, advice.DidYouMean("x", nil))
}
