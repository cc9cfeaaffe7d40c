package access

import (
	"context"
	"slices"
	"strings"
)

// client is a common name whose certificates count.
type client struct {
	role   Role
	until  context.Context // done when the name is revoked, or gets another role
	revoke context.CancelFunc
}

// ClientChange is a change of the role of a common name. A role that is "" stands for none.
type ClientChange struct {
	Name     string
	Was, Now Role
}

// SetClients replaces the roles of client certificates, by common name, and returns what has
// changed, by name. Open streams of certificates whose role has changed end at once. It locks mu.
func (k *Keyring) SetClients(roles map[string]Role) []ClientChange {
	k.mu.Lock()
	defer k.mu.Unlock()

	var changes []ClientChange
	before := k.clients
	k.clients = make(map[string]*client, len(roles))
	for name, role := range roles {
		old := before[name]
		if old != nil && old.role == role {
			k.clients[name] = old
			continue
		}

		c := &client{role: role}
		c.until, c.revoke = context.WithCancel(context.Background())
		k.clients[name] = c
		change := ClientChange{Name: name, Now: role}
		if old != nil {
			change.Was = old.role
		}
		changes = append(changes, change)
	}

	for name, old := range before {
		if k.clients[name] == old {
			continue
		}
		old.revoke()
		if k.clients[name] == nil {
			changes = append(changes, ClientChange{Name: name, Was: old.role})
		}
	}

	slices.SortFunc(changes, func(a, b ClientChange) int { return strings.Compare(a.Name, b.Name) })
	return changes
}
