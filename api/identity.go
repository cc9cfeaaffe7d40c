package api

// Identity is who sends a request.
type Identity struct {
	Type string `json:"type"` // token or certificate
	ID   string `json:"id"`   // of the token; the common name of a certificate
	Name string `json:"name"`
	Role string `json:"role"` // viewer, operator or admin
}
