// Package client is the Go client of the controller's REST interface.
//
//	c, err := client.New(client.Config{Server: "http://127.0.0.1:8640", Token: token})
//	flow, err := c.TapFlows().Create(ctx, api.TapFlowCreate{...}, client.Wait(10*time.Second))
//
// A ref is an id or a name, and so is the value of each field of a request that is named id.
//
// The error of a request that the server refused is an [*Error] with the server's problem. Other
// errors mean that the request did not reach the server, or that its answer was lost.
//
// A creation whose answer was lost is repeated, and an event stream that broke off is resumed.
// Nothing else is repeated. The package starts no goroutine.
package client
