package inventory_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/inventory"
)

func TestCopiesChangedPackets(t *testing.T) {
	for version, want := range map[string]bool{
		"2.15.0": false, "2.17.7": false, "2.17.8": true, "2.17.12": true, "3.0.4": false,
		"3.0.5": true, "3.1.0": false, "3.1.3": true, "3.2.0": true, "3.5.0-dev": true,
		"4.0.0": true, "": false, "unknown": false,
	} {
		assert.Equal(t, want, inventory.CopiesChangedPackets(version), version)
	}
}
