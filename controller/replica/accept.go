package replica

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/tapline-sdn/tapline/controller/store/etcd"
)

// Accept lets replicas lead again whose store was restored from an older copy.
func Accept(ctx context.Context, c etcd.Config, now time.Time) (err error) {
	client, err := c.Dial()
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()

	value, err := json.Marshal(acceptance{now.UTC()})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*attemptTime)
	defer cancel()
	if _, err := client.Put(ctx, c.AcceptedKey(), string(value)); err != nil {
		return fmt.Errorf("accept the store: %w", c.Explain(err))
	}
	return nil
}
