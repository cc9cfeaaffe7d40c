package listing_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapline-sdn/tapline/api/server/listing"
)

func TestSelector(t *testing.T) {
	labels := map[string]string{"app": "db", "env": "prod", "a/b.c": "x=y"}
	for text, want := range map[string]bool{
		"":                               true,
		"label.app=db":                   true,
		"label.app=web":                  false,
		"label.app=db,label.env=prod":    true,
		"label.app=db,label.env=test":    false,
		"label.env!=test":                true,
		"label.env!=prod":                false,
		"label.none!=x":                  true,
		"label.none=":                    false,
		"label.app":                      true,
		"label.none":                     false,
		"!label.none":                    true,
		"!label.app":                     false,
		"label.a/b.c=x=y":                true,
		"name=web-*":                     true,
		"name=web":                       false,
		"name!=web-*":                    false,
		"name=web-?,label.app=db":        true,
		"name=web-1,!label.env,name=web": false,
	} {
		selector, err := listing.ParseSelector(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, selector.Matches("web-1", labels), text)
	}
}

func TestBadSelectors(t *testing.T) {
	for text, want := range map[string]string{
		"app=db":                 `at character 1: "app=db" is not a term`,
		"label.app=db,":          "at character 14: a term is missing",
		"label.ä=1,label.app=db": `at character 1: "ä" is not the key of a label`,
		"label.x=ä,env":          `at character 11: "env" is not a term`,
		"label.=1":               `"" is not the key of a label`,
		"name":                   `"name" is not a term`,
		"name=[a":                "is not a pattern",
		"label.a b=1":            `"a b" is not the key of a label`,
	} {
		_, err := listing.ParseSelector(text)
		assert.ErrorContains(t, err, want, text)
	}
}
