package plugin

import "context"

// Aside starts another process of the plugin beside the one that runs, for as long as use lasts. It knows nothing of the
// world until it is told, so that something can be tried out without the one that runs being disturbed, whatever happens.
func (s *Supervisor) Aside(ctx context.Context, use func(context.Context, Mirror) error) error {
	process, err := Launch(ctx, s.Spec())
	if err != nil {
		return err
	}
	defer process.Kill()
	return use(ctx, process)
}
