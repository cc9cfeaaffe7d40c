package api

// CaptureHeader is the header of the answer to a live capture that has its id, by which it is
// stopped. CaptureResultTrailer comes after the stream, with a [CaptureResult].
const (
	CaptureHeader        = "Tapline-Capture"
	CaptureResultTrailer = "Tapline-Capture-Result"
)

// CaptureResult is what became of the packets of a live capture.
type CaptureResult struct {
	Captured uint64 `json:"captured"` // sent to the client
	Received uint64 `json:"received"` // by the controller
	Limited  uint64 `json:"limited"`  // dropped by the rate limit, on the switches
	Lost     uint64 `json:"lost"`     // at least so many on the way to the controller
	Dropped  uint64 `json:"dropped"`  // since the client was too slow
	// End is how it ended: count, duration, stopped, or failed. Detail says more.
	End    string `json:"end"`
	Detail string `json:"detail,omitempty"`
}

// How a live capture ended.
const (
	CaptureCount    = "count"
	CaptureDuration = "duration"
	CaptureStopped  = "stopped"
	CaptureFailed   = "failed"
)
