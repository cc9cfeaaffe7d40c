package client

// OnlyFrom makes the connection take the server for one that knows no better
// way to monitor than the nth of monitor_cond_since, monitor_cond and monitor.
func (c *Conn) OnlyFrom(n int) { c.method = monitorMethod(n) }
