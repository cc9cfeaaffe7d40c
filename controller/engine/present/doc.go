// Package present copies what leaves the engine: views of resources for users, scenes from which
// explain works, and outlooks that forecast compares.
//
// It reads what others keep and changes nothing. A [Presenter] has no lock: it is used under the
// engine's mutex. What it returns may be used without, but records in it are shared and must not be
// changed.
package present
