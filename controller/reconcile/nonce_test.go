package reconcile_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapline-sdn/tapline/controller/reconcile"
)

// TestNonce: a tap bridge gets a nonce when it has none, and keeps one that it has.
func TestNonce(t *testing.T) {
	db := newDatabase(t)
	db.twoBridges()
	d := desired(t, program())
	with := self
	with.Nonce = reconcile.NewNonce()
	apply := func(self reconcile.Self) {
		db.commit(reconcile.Diff(db.snapshot(), d, self, reconcile.Open, reconcile.Open).Txn)
	}

	nonce := func() string { return reconcile.NonceIn(db.snapshot(), with, tapBridge) }

	apply(self)
	assert.Empty(t, nonce())
	apply(with)
	assert.Equal(t, with.Nonce, nonce())

	other := with
	other.Nonce = reconcile.NewNonce()
	assert.NotEqual(t, with.Nonce, other.Nonce)
	assert.True(t, reconcile.Diff(db.snapshot(), d, other, reconcile.Open,
		reconcile.Open).Txn.Empty())
	db.vsctl("set Bridge brtap other_config:dp-desc=mine")
	assert.Empty(t, nonce())
	apply(other)
	assert.Equal(t, other.Nonce, nonce())
}
