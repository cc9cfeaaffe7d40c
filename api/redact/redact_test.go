package redact_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/redact"
)

func TestTokens(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "",
		"tap_flows/web":                          "tap_flows/web",
		"tokens/tl_abcdefghij":                   "tokens/tl_abcdefghij",
		"tokens/tl_abcdefghij_SECRET0/x":         "tokens/tl_abcdefghij_.../x",
		"tl_abcdefghij_A tl_234567abcd_B":        "tl_abcdefghij_... tl_234567abcd_...",
		"tl_ABCDEFGHIJ_A is not of our alphabet": "tl_ABCDEFGHIJ_A is not of our alphabet",
	} {
		require.Equal(t, want, redact.Tokens(text))
	}
}
