// Package client is the Go client of the controller's REST interface.
//
//	c, err := client.New(client.Config{Server: "http://127.0.0.1:8640", Token: token})
//	flow, err := c.TapFlows().Create(ctx, api.TapFlowCreate{...}, client.Wait(10*time.Second))
//
// Wherever an id is wanted a name does as well. What the server refuses is an [*Error] with its problem; what never
// reached it, or whose answer was lost, is another error. Creations
// whose answer was lost are repeated, and streams of events resumed; nothing else is. The package starts no goroutine.
package client
