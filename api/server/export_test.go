package server

// Routes lists "METHOD /path/:ref" of everything that a server answers.
func Routes(cfg Config) []string {
	var out []string
	for _, r := range newServer(cfg).echo.Routes() {
		out = append(out, r.Method+" "+r.Path)
	}
	return out
}
